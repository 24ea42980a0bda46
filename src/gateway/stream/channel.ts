/**
 * The streams of one server. A state is opened and serialised once and sent to all; of states that follow each other
 * quickly only the newest is sent.
 */
import type { McpEnvironment, McpServer } from '../../api/generated/types.ts';
import type { ToolsMessage } from '../../api/stream-protocol.ts';
import type { StorageKey } from '../../crypto/envelope.ts';
import { errorFields, type Log } from '../../kube/log.ts';
import { openEnvironment } from './environments.ts';

export interface Subscriber {
  wantTools: boolean;
  send(message: Buffer): void;
  /** Ends the connection: the server is gone. */
  revoke(): void;
}

export class Channel {
  readonly #subscribers = new Set<Subscriber>();
  readonly #findKey: (id: string) => StorageKey | undefined;
  readonly #log: Log;
  #env: { revision: number; uid: string | undefined; message: Buffer } | undefined;
  #tools: { generation: number; message: Buffer } | undefined;
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
    if (subscriber.wantTools && this.#tools) subscriber.send(this.#tools.message);
    if (this.#env) subscriber.send(this.#env.message);
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
    const generation = server.metadata.generation ?? 0;
    if (this.#tools?.generation === generation) return;
    const message: ToolsMessage = { type: 'tools', generation, tools: server.spec.tools ?? [] };
    this.#tools = { generation, message: Buffer.from(JSON.stringify(message)) };
    for (const subscriber of this.#subscribers) {
      if (subscriber.wantTools) subscriber.send(this.#tools.message);
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
      if (this.#env?.revision === revision && this.#env.uid === uid) continue;
      try {
        const message = Buffer.from(JSON.stringify(await openEnvironment(environment, this.#findKey)));
        this.#env = { revision, uid, message };
        for (const subscriber of this.#subscribers) subscriber.send(message);
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
