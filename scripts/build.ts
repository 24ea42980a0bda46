/** Bundles each process into one file under `dist/`, so that the image holds Node and these files only. */
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';

/** Bundle under `dist/` by its entry point under `src/`; those under `runtime/` run inside pods of servers. */
const entries: Record<string, string> = {
  operator: 'operator/main.ts',
  'runtime/runner': 'runner/main.ts',
  'runtime/tool-child': 'runner/tools/child-main.ts',
  'runtime/launcher': 'runner/launcher/main.ts',
  'runtime/preload': 'runner/launcher/preload.ts',
  'runtime/install': 'runner/launcher/install.ts',
};

const root = fileURLToPath(new URL('../', import.meta.url));
const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };

/** CommonJS dependencies call require(), which ES modules do not have. */
const banner =
  "import { createRequire as mcpcoreCreateRequire } from 'node:module';\nconst require = mcpcoreCreateRequire(import.meta.url);";

/** A pod of a server never loads the cluster's client: it is large, and nothing there may speak to the API server. */
function assertNoClusterClient(name: string, metafile: Metafile): void {
  const offender = Object.keys(metafile.inputs).find((path) =>
    /@kubernetes\/client-node|(^|\/)src\/kube\//.test(path),
  );
  if (name.startsWith('runtime/') && offender)
    throw new Error(`dist/${name}.mjs must not contain ${offender}`);
}

async function bundle(name: string, source: string): Promise<void> {
  const outfile = `${root}dist/${name}.mjs`;
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`src/${source}`],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    sourcemap: 'external',
    banner: { js: banner },
    define: { MCPCORE_VERSION: JSON.stringify(version) },
    // Optional accelerators of ws; absent, it uses its own code.
    external: ['bufferutil', 'utf-8-validate'],
    metafile: true,
    logLevel: 'warning',
  });
  assertNoClusterClient(name, metafile);
}

rmSync(`${root}dist`, { recursive: true, force: true });
for (const [name, source] of Object.entries(entries)) await bundle(name, source);
