/** Which pods are connected to this replica, and which revision each has acknowledged. */

export interface Consumer {
  pod: string;
  /** Revision acknowledged; 0 before the first. */
  revision: number;
}

export class ConsumerRegistry {
  readonly #servers = new Map<string, Set<Consumer>>();
  readonly #onChange: (serverKey: string) => void;

  /** @param onChange told the `namespace/server` whose consumers changed */
  constructor(onChange: (serverKey: string) => void) {
    this.#onChange = onChange;
  }

  /** Takes a connection in; call the result when it ends. */
  add(serverKey: string, consumer: Consumer): () => void {
    const consumers = this.#servers.get(serverKey) ?? new Set();
    this.#servers.set(serverKey, consumers.add(consumer));
    this.#onChange(serverKey);
    return () => {
      consumers.delete(consumer);
      if (consumers.size === 0 && this.#servers.get(serverKey) === consumers) this.#servers.delete(serverKey);
      this.#onChange(serverKey);
    };
  }

  acknowledge(serverKey: string, consumer: Consumer, revision: number): void {
    if (consumer.revision === revision) return;
    consumer.revision = revision;
    this.#onChange(serverKey);
  }

  /** A server's consumers, one entry a pod with the oldest revision that any of its connections runs. */
  of(serverKey: string): Consumer[] {
    const pods = new Map<string, Consumer>();
    for (const { pod, revision } of this.#servers.get(serverKey) ?? []) {
      const oldest = Math.min(pods.get(pod)?.revision ?? revision, revision);
      pods.set(pod, { pod, revision: oldest });
    }
    return [...pods.values()].toSorted((a, b) => (a.pod < b.pod ? -1 : 1));
  }

  /** `namespace/server` of every server with a connection here. */
  servers(): string[] {
    return [...this.#servers.keys()];
  }
}
