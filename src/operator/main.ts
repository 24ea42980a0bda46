/** Entry point of the operator: reads the environment, runs until it is told to stop. */
import { pino } from 'pino';
import { KubeClient } from '../kube/client.ts';
import { errorFields } from '../kube/log.ts';
import { readConfig } from './config.ts';
import { runOperator } from './operator.ts';

const config = readConfig(process.env);
const log = pino({ level: config.logLevel, base: { pod: config.podName } });
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stop.abort());

try {
  await runOperator(config, KubeClient.fromDefault(), log, stop.signal);
  process.exit(0);
} catch (error) {
  log.error(errorFields(error), 'the operator ended');
  process.exit(1);
}
