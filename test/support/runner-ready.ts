/** Waits until a hosted server runs the image of the present sources, in one pod that is ready. */
import { waitFor } from './wait.ts';

interface PodList {
  items: {
    spec: { containers: { image: string }[] };
    status: { conditions?: { type: string; status: string }[] };
  }[];
}

/** Waits; pods of an earlier image have gone when it returns. */
export async function runnerReady(
  kubectl: (args: readonly string[]) => Promise<string>,
  namespace: string,
  server: string,
  image: string,
): Promise<void> {
  await waitFor(
    `the runner of ${server}`,
    async () => {
      const selector = `mcpcore.dev/server=${server}`;
      const text = await kubectl(['get', 'pods', '-n', namespace, '-l', selector, '-o', 'json']);
      const { items } = JSON.parse(text) as PodList;
      const ready = items.every(
        (pod) =>
          pod.spec.containers[0]?.image === image &&
          pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
      );
      return items.length === 1 && ready;
    },
    180_000,
  );
}
