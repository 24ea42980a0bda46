/**
 * The streams of one server. A state is opened and serialised once and sent to all; of states that follow each other
 * quickly only the newest is sent.
 */
import type { McpEnvironment, McpServer } from '../../api/generated/types.ts';
import type { ToolsMessage } from '../../api/stream-protocol.ts';
import type { StorageKey } from '../../crypto/envelope.ts';
import { errorFields, type Log } from '../../kube/log.ts';
import { openEnvironment } from './environments.ts';
import type { Update } from './outbox.ts';

export interface Subscriber {
  wantTools: boolean;
  send(update: Update): void;
  /** Ends the connection: the server is gone. */
  revoke(): void;
}

interface State {
  /** The object and its version that the update was made from. */
  source: string;
  update: Update;
}

export class Channel {
  readonly #subscribers = new Set<Subscriber>();
  readonly #findKey: (id: string) => StorageKey | undefined;
  readonly #log: Log;
  #env: State | undefined;
  #tools: State | undefined;
  #wanted: McpEnvironment | undefined;
  #opening = false;

  constructor(findKey: (id: string) => StorageKey | undefined, log: Log) {
    this.#findKey = findKey;
    this.#log = log;
  }

  get size(): number {
    return this.#subscribers.size;
  }

  /** Adds a subscriber and sends it what is known. */
  add(subscriber: Subscriber): void {
    this.#subscribers.add(subscriber);
    if (subscriber.wantTools && this.#tools) subscriber.send(this.#tools.update);
    if (this.#env) subscriber.send(this.#env.update);
  }

  delete(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
  }

  /** Ends every connection, because the server was deleted. */
  revoke(): void {
    for (const subscriber of this.#subscribers) subscriber.revoke();
  }

  /** Tells the channel of the server's tools. */
  setServer(server: McpServer): void {
    const { uid, generation = 0 } = server.metadata;
    const source = `${uid}/${generation}`;
    if (this.#tools?.source === source) return;
    const message: ToolsMessage = { type: 'tools', generation, tools: server.spec.tools ?? [] };
    const update: Update = { type: 'tools', message: Buffer.from(JSON.stringify(message)) };
    this.#tools = { source, update };
    for (const subscriber of this.#subscribers) {
      if (subscriber.wantTools) subscriber.send(update);
    }
  }

  /** Tells the channel of a new environment; it is sent as soon as it is opened. */
  setEnvironment(environment: McpEnvironment): void {
    this.#wanted = environment;
    if (!this.#opening) void this.#open();
  }

  async #open(): Promise<void> {
    this.#opening = true;
    while (this.#wanted) {
      const environment = this.#wanted;
      this.#wanted = undefined;
      const { revision } = environment.spec;
      const { uid, name, namespace } = environment.metadata;
      const source = `${uid}/${revision}`;
      if (this.#env?.source === source) continue;
      try {
        const message = Buffer.from(JSON.stringify(await openEnvironment(environment, this.#findKey)));
        const update: Update = { type: 'env', revision, message };
        this.#env = { source, update };
        for (const subscriber of this.#subscribers) subscriber.send(update);
      } catch (error) {
        this.#log.error(
          { namespace, server: name, revision, ...errorFields(error) },
          'environment not readable',
        );
      }
    }
    this.#opening = false;
  }
}
