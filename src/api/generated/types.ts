// Generated from crds/ by scripts/generate.ts; change the CRDs and run `npm run generate`.
import type { ObjectMeta } from '../object-meta.ts';

/**
 * Internal: the encrypted environment of the McpServer of the same name. Only the operator writes it; deleted, it is made again from the McpSecrets.
 */
export interface McpEnvironment {
  apiVersion: 'mcpcore.dev/v1alpha1';
  kind: 'McpEnvironment';
  metadata: ObjectMeta;
  /**
   * The encrypted environment.
   */
  spec: {
    /**
     * Grows by one with each change of any key.
     */
    revision: number;
    /**
     * When this revision was made.
     */
    changedAt?: string;
    /**
     * Keys whose values may show in logs.
     *
     * Items: A key.
     */
    unredacted?: string[];
    /**
     * Encrypted values by key.
     */
    values?: {
      /**
       * One encrypted value.
       */
      [k: string]: {
        /**
         * Ciphertext under AES-256-GCM, bound to namespace, server, key and revision.
         */
        record: string;
        /**
         * Revision at which the value was last changed; the ciphertext is bound to it.
         */
        revision: number;
        /**
         * SHA-256 of the sealed text that the value came from, base64url.
         */
        source: string;
        /**
         * Name of the McpSecret that holds the key.
         */
        secret: string;
        /**
         * When the value last changed.
         */
        changedAt?: string;
      };
    };
  };
}
/**
 * Values of one McpServer. Write them in plain text or sealed; only sealed values are ever stored, and no value can be read back.
 */
export interface McpSecret {
  apiVersion: 'mcpcore.dev/v1alpha1';
  kind: 'McpSecret';
  metadata: ObjectMeta;
  /**
   * The values and the server that they belong to.
   */
  spec: {
    /**
     * Name of the McpServer, in this namespace, whose tool code reads the values. Immutable.
     */
    server: string;
    /**
     * Values by key; tool code reads them as env.KEY. UPPER_SNAKE_CASE is the convention, any name up to 253 bytes works. A plain value is sealed at admission, before it is stored; a sealed one begins with mcps1. and opens only for this namespace, server and key.
     */
    values?: {
      /**
       * A value, plain on the way in and sealed at rest.
       */
      [k: string]: string;
    };
    /**
     * Keys whose values may show in logs, for plain settings such as a host or a port.
     *
     * Items: A key.
     */
    unredacted?: string[];
  };
  /**
   * What the operator observed.
   */
  status?: {
    /**
     * Generation of the spec that this status speaks of.
     */
    observedGeneration?: number;
    /**
     * Number of keys of this object that tool code can read.
     */
    keys?: number;
    /**
     * Revision of the server's environment that holds these values.
     */
    revision?: number;
    /**
     * How many pods run that revision, of how many are connected, as n/m.
     */
    consumers?: string;
    /**
     * When a value of this object last changed.
     */
    rotatedAt?: string;
    /**
     * State of each key; never a value.
     *
     * Items: State of one key.
     */
    values?: {
      /**
       * The key.
       */
      key: string;
      /**
       * Identifier of the sealing key.
       */
      keyId?: string;
      /**
       * Why the value is not used, one of the reasons of ResolvedRefs; absent when it is.
       */
      reason?: string;
      /**
       * When the value last changed.
       */
      rotatedAt?: string;
    }[];
    /**
     * Accepted, ResolvedRefs, Programmed and Ready, with the reasons that docs/reference.md lists.
     *
     * Items: One aspect of the state of this object.
     */
    conditions?: {
      /**
       * Name of the aspect.
       */
      type: string;
      /**
       * Whether it holds.
       */
      status: 'True' | 'False' | 'Unknown';
      /**
       * One word for programs; docs/reference.md lists them.
       */
      reason: string;
      /**
       * A sentence for people. It never holds a value of a secret.
       */
      message: string;
      /**
       * Generation of the spec that the condition speaks of.
       */
      observedGeneration?: number;
      /**
       * When the status of the condition last changed.
       */
      lastTransitionTime: string;
    }[];
  };
}
/**
 * An MCP tool server and the boundary of its secrets. With tools it is hosted by mcpcore's own runner; without, its pods are yours: label them mcpcore.dev/server with the name of this object, which is at most 49 characters long because the names of the pods derive from it.
 */
export interface McpServer {
  apiVersion: 'mcpcore.dev/v1alpha1';
  kind: 'McpServer';
  metadata: ObjectMeta;
  /**
   * What you want the server to be.
   */
  spec: {
    /**
     * Tool code that the runner hosts, one entry a tool. A change is live within a second, without a restart of the pods.
     *
     * Items: One tool of an MCP server.
     */
    tools?: {
      /**
       * Name by which clients call the tool.
       */
      name: string;
      /**
       * Name shown to people.
       */
      title?: string;
      /**
       * What the tool does and when to call it, for the language model.
       */
      description?: string;
      /**
       * JSON Schema 2020-12 of the arguments, of type object. Without it the tool takes no arguments.
       */
      inputSchema?: {
        [k: string]: unknown;
      };
      /**
       * JSON Schema 2020-12 that the returned value conforms to.
       */
      outputSchema?: {
        [k: string]: unknown;
      };
      /**
       * Body of an async JavaScript function of (env, args, sdk). What it returns is the result of the call; what it throws is reported as a tool error. Secrets are read as env.KEY.
       */
      code: string;
      /**
       * Time after which a call is ended and reported as an error.
       */
      timeoutSeconds?: number;
    }[];
    /**
     * Number of runner pods. Used only with tools.
     */
    replicas?: number;
    /**
     * Resource requests and limits of the runner container. Used only with tools.
     */
    resources?: {
      [k: string]: unknown;
    };
    /**
     * RuntimeClass of the runner pods, for example a sandboxed runtime. Used only with tools.
     */
    runtimeClassName?: string;
  };
  /**
   * What the operator observed.
   */
  status?: {
    /**
     * Generation of the spec that this status speaks of.
     */
    observedGeneration?: number;
    /**
     * Address of the MCP endpoint inside the cluster.
     */
    url?: string;
    /**
     * Number of keys that the server's environment holds.
     */
    keys?: number;
    /**
     * Revision of the environment. It grows by one with each change of any key.
     */
    revision?: number;
    /**
     * How many pods run the current revision, of how many are connected, as n/m.
     */
    consumers?: string;
    /**
     * When the environment last changed.
     */
    rotatedAt?: string;
    /**
     * Per replica of the operator, the pods connected to it and the revision each has acknowledged.
     *
     * Items: The connections of one replica.
     */
    gateways?: {
      /**
       * Name of the operator's pod.
       */
      name: string;
      /**
       * Number of pods connected to this replica.
       */
      connected?: number;
      /**
       * The connected pods, at most 100 of them.
       *
       * Items: One connected pod.
       */
      pods?: {
        /**
         * Name of the pod.
         */
        name: string;
        /**
         * Revision that the pod has acknowledged; 0 before the first.
         */
        revision: number;
      }[];
      /**
       * Number of pods connected to this replica that run the current revision.
       */
      current?: number;
    }[];
    /**
     * Accepted, ResolvedRefs, Programmed and Ready, with the reasons that docs/reference.md lists.
     *
     * Items: One aspect of the state of this object.
     */
    conditions?: {
      /**
       * Name of the aspect.
       */
      type: string;
      /**
       * Whether it holds.
       */
      status: 'True' | 'False' | 'Unknown';
      /**
       * One word for programs; docs/reference.md lists them.
       */
      reason: string;
      /**
       * A sentence for people. It never holds a value of a secret.
       */
      message: string;
      /**
       * Generation of the spec that the condition speaks of.
       */
      observedGeneration?: number;
      /**
       * When the status of the condition last changed.
       */
      lastTransitionTime: string;
    }[];
  };
}
