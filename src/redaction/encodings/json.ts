/** The inside of a JSON string (RFC 8259), as the usual encoders write it, and JSON inside JSON. */

interface Profile {
  /** Characters beyond quote, backslash and controls that become `\uXXXX`. */
  readonly escaped?: RegExp;
  readonly upperCase?: boolean;
  /** Writes `/` as `\/`. */
  readonly slash?: boolean;
  /** Controls with a short form, such as `\n`, that are written with it; all five when left out. */
  readonly short?: string;
  /** Writes the quote as a `\u` escape. */
  readonly quote?: boolean;
}

const profiles: readonly Profile[] = [
  // JavaScript, Rust, Java: only what must be escaped
  {},
  { upperCase: true },
  // Go, and Go before 1.22
  { escaped: /[<>&\u2028\u2029]/ },
  { escaped: /[<>&\u2028\u2029]/, short: '\n\r\t' },
  // Python, Ruby: ASCII only
  { escaped: /[^\0-\x7e]/ },
  { escaped: /[^\0-\x7e]/, upperCase: true },
  // PHP, with and without JSON_UNESCAPED_UNICODE
  { escaped: /[^\0-\x7f]/, slash: true },
  { slash: true },
  // .NET System.Text.Json
  { escaped: /[<>&'+`\x7f]|[^\0-\x7e]/, upperCase: true, quote: true },
  // Gson
  { escaped: /[<>&='\u2028\u2029]/ },
  // U+2028 and U+2029 alone: text that is to be valid JavaScript too
  { escaped: /[\u2028\u2029]/ },
];

const shortForms: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/** One level deep, two and three levels deep. */
export function jsonForms(value: string): string[] {
  const plain = profiles[0] ?? {};
  return profiles.flatMap((profile) => {
    const once = escape(value, profile);
    const twice = escape(once, plain);
    return [once, twice, escape(once, profile), escape(twice, plain)];
  });
}

function escape(text: string, profile: Profile): string {
  let out = '';
  // By UTF-16 unit: escapes of characters beyond the basic plane are pairs.
  for (let index = 0; index < text.length; index++) out += escapeUnit(text.charAt(index), profile);
  return out;
}

function escapeUnit(unit: string, profile: Profile): string {
  const plain = plainEscape(unit, profile);
  if (plain !== undefined) return plain;
  return unit === '"' || unit < ' ' || profile.escaped?.test(unit) ? unicodeEscape(unit, profile) : unit;
}

/** The escape without `u`, where the encoder uses one. */
function plainEscape(unit: string, profile: Profile): string | undefined {
  if (unit === '\\') return '\\\\';
  if (unit === '"') return profile.quote ? undefined : '\\"';
  if (unit === '/') return profile.slash ? '\\/' : undefined;
  return (profile.short ?? '\b\f\n\r\t').includes(unit) ? shortForms[unit] : undefined;
}

function unicodeEscape(unit: string, { upperCase = false }: Profile): string {
  const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
  return `\\u${upperCase ? hex.toUpperCase() : hex}`;
}
