/** Text in XML and HTML, with the entities that the usual encoders write. */

/** Entity by character; what is absent stays as it is. */
const encoders: readonly Readonly<Record<string, string>>[] = [
  // Text only needs these
  { '&': '&amp;', '<': '&lt;', '>': '&gt;' },
  { '&': '&amp;', '<': '&lt;' },
  // Attributes
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' },
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
  // Go html.EscapeString and encoding/xml
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&#34;', "'": '&#39;' },
  {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&#34;',
    "'": '&#39;',
    '\t': '&#x9;',
    '\n': '&#xA;',
    '\r': '&#xD;',
  },
  // Python html.escape
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#x27;' },
  // Attributes of DOM serializers
  { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\n': '&#10;', '\r': '&#13;', '\t': '&#9;' },
];

export function xmlForms(value: string): string[] {
  return encoders.flatMap((entities) => {
    const text = value.replace(/[&<>"'\t\n\r]/g, (character) => entities[character] ?? character);
    const decimal = text.replace(/[^\0-\x7f]/gu, (character) => `&#${character.codePointAt(0)};`);
    const hex = text.replace(
      /[^\0-\x7f]/gu,
      (character) => `&#x${character.codePointAt(0)?.toString(16).toUpperCase()};`,
    );
    return [text, decimal, hex, hex.replace(/&#x[\dA-F]+;/g, (entity) => entity.toLowerCase())];
  });
}
