/** The forms in which a client may have copied a plain value into a text: as it is, escaped for JSON, in base64. */

/** Shorter values occur in other text by chance, and replacing them would only garble it. */
const shortest = 8;
/** Characters that Go's JSON encoder, and so kubectl, escapes although JSON does not ask for it. */
const goEscapes: Readonly<Record<string, string>> = {
  '<': '\\u003c',
  '>': '\\u003e',
  '&': '\\u0026',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/**
 * Every form of every value worth a search, longest first: a value that is part of another must not break up the
 * longer one before that is found.
 */
export function spellingsOf(values: Iterable<string>): string[] {
  const forms = new Set<string>();
  for (const value of values) {
    if (Buffer.byteLength(value) < shortest) continue;
    for (const form of spellings(value)) forms.add(form);
  }
  return [...forms].toSorted((a, b) => b.length - a.length);
}

function spellings(value: string): string[] {
  const json = escapeJson(value);
  const goJson = escapeGo(json);
  const base64 = Buffer.from(value).toString('base64').replace(/=+$/, '');
  return [
    value,
    json,
    goJson,
    // JSON inside JSON, as in an annotation of the object that an annotation holds.
    escapeJson(json),
    escapeGo(escapeJson(goJson)),
    base64,
    base64.replaceAll('+', '-').replaceAll('/', '_'),
  ];
}

function escapeJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function escapeGo(text: string): string {
  return text.replaceAll(/[<>&\u2028\u2029]/g, (character) => goEscapes[character] ?? character);
}
