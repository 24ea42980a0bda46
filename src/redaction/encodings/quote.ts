/** Values inside the quotes of shells and programming languages. */

export function quotedForms(value: string): string[] {
  return [
    // sh: 'it'\''s', and Python's shlex.quote: 'it'"'"'s'
    value.replaceAll("'", `'\\''`),
    value.replaceAll("'", `'"'"'`),
    // Double quotes of a shell
    value.replace(/["\\$`]/g, '\\$&'),
    // printf %q: a backslash before everything special
    value.replace(/[^\w\-./:@%+=\n\u0080-\u{10ffff}]/gu, '\\$&'),
    // PowerShell and SQL
    value.replaceAll("'", "''"),
    // Go %q and %+q
    literal(value, '"', goEscape),
    literal(value, '"', (character) => (character > '~' ? goUnicode(character) : goEscape(character))),
    // Python repr of a str and of bytes, util.inspect of Node; with either quote
    ...["'", '"', '`', ''].flatMap((quote) => [
      literal(value, quote, (character) => shortOr(character, hexEscape)),
      literal(value, quote, inspectEscape),
      literal(value, quote, (character) =>
        character > '~' ? hexBytes(character) : shortOr(character, hexEscape),
      ),
    ]),
    // bash $'…' writes bytes in octal
    literal(value, "'", (character) =>
      character > '~' ? octalBytes(character) : shortOr(character, octalBytes),
    ),
  ];
}

const shortForms: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
};

/** Escapes backslash and the quote, and passes controls and everything beyond ASCII to `other`. */
function literal(value: string, quote: string, other: (character: string) => string): string {
  let text = '';
  for (const character of value) {
    if (character === '\\' || character === quote) text += `\\${character}`;
    else text += character >= ' ' && character <= '~' ? character : other(character);
  }
  return text;
}

function goEscape(character: string): string {
  return (
    shortForms[character] ?? (character < ' ' || character === '\x7f' ? hexEscape(character) : character)
  );
}

function goUnicode(character: string): string {
  const hex = character.codePointAt(0)?.toString(16) ?? '';
  if (character === '\x7f') return '\\x7f';
  return hex.length > 4 ? `\\U${hex.padStart(8, '0')}` : `\\u${hex.padStart(4, '0')}`;
}

/** Python writes tab, line feed and carriage return short, other controls as `\xNN`. */
function shortOr(character: string, other: (character: string) => string): string {
  if (character > '\x9f') return character;
  return '\t\n\r'.includes(character) ? (shortForms[character] ?? character) : other(character);
}

/** Node writes backspace and form feed short too, and hexadecimal digits in upper case. */
function inspectEscape(character: string): string {
  if (character > '\x9f') return character;
  if ('\b\t\n\f\r'.includes(character)) return shortForms[character] ?? character;
  return `\\x${hexEscape(character).slice(2).toUpperCase()}`;
}

function hexEscape(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

function hexBytes(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

function octalBytes(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
