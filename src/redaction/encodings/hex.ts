/** Hexadecimal of a value, in either case. */

/** Bytes that are left out at the start in turn, because a line break may have cut them off. */
const skippableBytes = 4;

export function hexForms(bytes: Buffer): string[] {
  const forms: string[] = [];
  for (let skipped = 0; skipped < skippableBytes; skipped++) {
    const hex = bytes.toString('hex', skipped);
    forms.push(hex, hex.toUpperCase());
  }
  return forms;
}
