/**
 * Sealed values against another implementation of HPKE, Go's crypto/hpke: what one seals the other opens. The scope's
 * encoding is written out here once more, so that a change of the format in src/crypto cannot pass unseen.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateSealingKey, parseSealed, seal, unseal } from '../../src/crypto/seal.ts';
import { Secret } from '../../src/crypto/secret.ts';

interface Answer {
  publicKey?: string;
  encapsulated?: string;
  ciphertext?: string;
  plaintext: string | null;
  error?: string;
}
type Request = Record<string, string | Uint8Array>;

const scope = { namespace: 'team-a', server: 'tools', key: 'API_KEY' };
const values = [Buffer.alloc(0), Buffer.from('correct horse ü 🐎'), Buffer.alloc(65_536, 0xa5)];
const info = Buffer.from('mcpcore.dev/seal/v1');
const goModule = new URL('../interop/go/', import.meta.url).pathname;

/** Puts each request to the Go program; bytes travel as base64. The answers come in the same order. */
function askGo(requests: readonly Request[]): Promise<Answer[]> {
  const lines = requests.map((request) =>
    JSON.stringify(request, (_, value: unknown) =>
      (value as { type?: string } | null)?.type === 'Buffer'
        ? Buffer.from((value as { data: number[] }).data).toString('base64')
        : value,
    ),
  );
  return new Promise((resolve, reject) => {
    const env = { ...process.env, GOTOOLCHAIN: 'local', GOFLAGS: '-mod=mod', GOWORK: 'off' };
    const options = { cwd: goModule, env, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile('go', ['run', '.'], options, (error, stdout) => {
      if (error) return reject(error);
      resolve(
        stdout
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as Answer),
      );
    });
    child.stdin?.on('error', reject);
    child.stdin?.end(lines.join('\n'));
  });
}

function prefixed(...parts: (string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(Buffer.byteLength(part));
      return [length, Buffer.from(part as string)];
    }),
  );
}

const sha256 = (...parts: Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();

describe.each([
  ['x-wing', 1],
  ['x25519', 2],
] as const)('%s', (suite, code) => {
  const additional = (id: string, key = scope.key) =>
    prefixed(Buffer.of(code), id, scope.namespace, scope.server, key);

  it('sealed here is opened by Go, for its scope alone', async () => {
    const key = await generateSealingKey(suite);
    const privateKey = Buffer.from(key.privateKey.bytes());
    const sealed = await Promise.all(values.map((value) => seal(Secret.fromBytes(value), scope, key)));
    const request = (text: string, aad: Buffer): Request => {
      const { encapsulated, ciphertext } = parseSealed(text)!;
      return { op: 'open', suite, privateKey, encapsulated, ciphertext, info, aad };
    };
    const answers = await askGo([
      ...sealed.map((text) => request(text, additional(key.id))),
      request(sealed[1]!, additional(key.id, 'OTHER')),
    ]);
    expect(answers).toHaveLength(values.length + 1);
    const publicKey = Buffer.from(key.publicKey).toString('base64');
    for (const [index, value] of values.entries()) {
      expect(answers[index]?.error).toBeUndefined();
      expect(answers[index]?.publicKey).toBe(publicKey);
      expect(Buffer.from(answers[index]?.plaintext ?? '', 'base64').equals(value)).toBe(true);
    }
    expect(answers.at(-1)?.error).toMatch(/authentication/);
  });

  it('sealed by Go is opened here, for its scope alone', async () => {
    const key = await generateSealingKey(suite);
    const publicKey = Buffer.from(key.publicKey);
    const aad = additional(key.id);
    const answers = await askGo(
      values.map((plaintext) => ({ op: 'seal', suite, publicKey, info, aad, plaintext })),
    );
    expect(answers).toHaveLength(values.length);
    for (const [index, { encapsulated = '', ciphertext = '', error }] of answers.entries()) {
      expect(error).toBeUndefined();
      const fingerprint = sha256(prefixed('mcpcore.dev/scope/v1', ...Object.values(scope))).subarray(0, 8);
      const body = Buffer.concat([
        Buffer.of(code),
        fingerprint,
        Buffer.from(encapsulated, 'base64'),
        Buffer.from(ciphertext, 'base64'),
      ]);
      const head = `mcps1.${key.id}.`;
      const checksum = sha256(Buffer.from(head), body).subarray(0, 4);
      const text = `${head}${Buffer.concat([body, checksum]).toString('base64url')}`;
      const opened = await unseal(text, scope, () => key);
      expect(Buffer.from(opened.bytes()).equals(values[index]!)).toBe(true);
      await expect(unseal(text, { ...scope, server: 'other' }, () => key)).rejects.toMatchObject({
        code: 'ScopeMismatch',
      });
    }
  });
});
