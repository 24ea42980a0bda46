/** How the demo speaks. */
import { kubeconfigPath } from '../cluster/paths.ts';
import { relative } from 'node:path';

let count = 0;

/** Announces a step. */
export function heading(text: string): void {
  count += 1;
  console.log(`\n${count}. ${text}`);
}

/** Shows one observation. */
export function shown(what: string, value: string): void {
  console.log(`   ${what}: ${value}`);
}

/** Says how to go on. */
export function clientToolsNote(namespace: string): void {
  const kubeconfig = relative(process.cwd(), kubeconfigPath);
  console.log(`   export KUBECONFIG=$PWD/${kubeconfig}`);
  console.log(`   kubectl get mcpservers,mcpsecrets --namespace ${namespace}`);
  console.log('   make cluster-down   ends it');
}
