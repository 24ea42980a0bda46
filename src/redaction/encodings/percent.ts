/** Percent-encoding (RFC 3986) and form encoding, as the usual encoders write them. */

/** What an encoder leaves as it is, besides letters and digits. */
const encoders: readonly { kept: string; space: string }[] = [
  // encodeURIComponent
  { kept: "-_.!~*'()", space: '%20' },
  // RFC 3986 to the letter: PHP rawurlencode, AWS signatures
  { kept: '-_.~', space: '%20' },
  // Python quote
  { kept: '-_.~/', space: '%20' },
  // Go PathEscape
  { kept: '-_.~$&+=:@', space: '%20' },
  // Go QueryEscape, Python quote_plus, PHP urlencode
  { kept: '-_.~', space: '+' },
  // URLSearchParams, Java URLEncoder
  { kept: '-_.*', space: '+' },
  // PHP urlencode before ~ was left alone
  { kept: '-_.', space: '+' },
  // encodeURI
  { kept: "-_.!~*'();/?:@&=+$,#", space: '%20' },
  // The user part of a URL object
  { kept: "-_.!~*'()&+$,%", space: '%20' },
];

export function percentForms(value: string): string[] {
  const bytes = Buffer.from(value);
  return encoders.flatMap(({ kept, space }) => {
    const upper = encode(bytes, kept, space);
    return [upper, upper.replace(/%[\dA-F]{2}/g, (escape) => escape.toLowerCase())];
  });
}

function encode(bytes: Buffer, kept: string, space: string): string {
  let text = '';
  for (const byte of bytes) {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9]/.test(character) || kept.includes(character)) text += character;
    else if (character === ' ') text += space;
    else text += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}
