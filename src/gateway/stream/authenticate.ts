/** Who is at the other end of a stream: a TokenReview by the API server decides, never the pod's own word. */
import { McpError } from '../../api/errors.ts';
import { serviceAccountName } from '../../api/names.ts';
import type { KubeObject } from '../../api/object-meta.ts';
import { streamAudience } from '../../api/stream-protocol.ts';
import type { KubeClient } from '../../kube/client.ts';
import { tokenReviews } from '../../kube/resources.ts';

export interface TokenReviewStatus {
  authenticated?: boolean;
  audiences?: string[];
  user?: { username?: string; extra?: Record<string, string[]> };
}

/** Has a token reviewed for the stream's audience. */
export type TokenReviewer = (token: string) => Promise<TokenReviewStatus>;

/** The reviewer of a cluster. */
export function kubeTokenReviewer(client: KubeClient): TokenReviewer {
  return async (token) => {
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      metadata: {},
      spec: { token, audiences: [streamAudience] },
    } as unknown as KubeObject & { status?: TokenReviewStatus };
    return (await client.create(tokenReviews, review)).status ?? {};
  };
}

/** A pod of a server. */
export interface PodIdentity {
  namespace: string;
  server: string;
  pod: string;
  podUid: string;
  /** When the token ends, in ms since the epoch; undefined when it does not say. */
  expiresAt: number | undefined;
}

/**
 * Checks that the token is that of a pod of this server.
 * @throws McpError Unauthenticated or Forbidden
 */
export async function authenticate(
  token: string | undefined,
  namespace: string,
  server: string,
  review: TokenReviewer,
): Promise<PodIdentity> {
  if (!token) throw new McpError('Unauthenticated');
  const status = await review(token);
  if (!status.authenticated || !status.audiences?.includes(streamAudience))
    throw new McpError('Unauthenticated');
  const expected = `system:serviceaccount:${namespace}:${serviceAccountName(server)}`;
  const pod = extra(status, 'pod-name');
  // A token that is not bound to a pod outlives every pod, so it is no identity of one.
  if (status.user?.username !== expected || pod === '') {
    throw new McpError('Forbidden', { namespace, server, caller: status.user?.username ?? '' });
  }
  return { namespace, server, pod, podUid: extra(status, 'pod-uid'), expiresAt: expiry(token) };
}

function extra(status: TokenReviewStatus, name: 'pod-name' | 'pod-uid'): string {
  return status.user?.extra?.[`authentication.kubernetes.io/${name}`]?.[0] ?? '';
}

/** The token's `exp` claim. Read only after the review has vouched for the token. */
function expiry(token: string): number | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    const exp = (claims as { exp?: unknown } | null)?.exp;
    return typeof exp === 'number' ? exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
