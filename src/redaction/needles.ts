/**
 * The needles of a value: every spelling of it, and of its parts, that may show up in a text. Pure.
 *
 * The rule on short values: under `shortestBytes`, without the white space around it, a value has no needles at all,
 * because it occurs in ordinary text by chance and every line would be garbled. `needlesOf` gives none for it, and the
 * Redactor says so in `unredactable()`. Because of that rule every needle has at least `shortestBytes` bytes.
 */
import { base64Cores } from './encodings/base64.ts';
import { hexForms } from './encodings/hex.ts';
import { jsonForms } from './encodings/json.ts';
import { percentForms } from './encodings/percent.ts';
import { quotedForms } from './encodings/quote.ts';
import { xmlForms } from './encodings/xml.ts';
import { leavesOf } from './leaves.ts';

export const shortestBytes = 8;
/** Longer values, such as keystores, are searched for as they are, in JSON and in base64 only: memory is finite. */
export const fullySpelledBytes = 8 * 1024;

/** Every needle of one value, without duplicates; empty when there is nothing long enough to search for. */
export function needlesOf(value: string): Buffer[] {
  const text = value.trim();
  if (Buffer.byteLength(text) < shortestBytes) return [];
  // As latin1 text, bytes can be told apart by a Set.
  const needles = new Set<string>();
  // Leading white space is left out: a line would wait at its end for what the next one begins with.
  for (const part of new Set([text, value.trimStart(), ...leavesOf(text)])) {
    for (const needle of spellings(part)) needles.add(needle);
  }
  return [...needles].map((needle) => Buffer.from(needle, 'latin1'));
}

/** All spellings of one text, as bytes in latin1. */
function spellings(text: string): string[] {
  const large = Buffer.byteLength(text) > fullySpelledBytes;
  const texts = lineEndings(text).flatMap((variant) => (large ? largeForms(variant) : textForms(variant)));
  const forms = [
    ...texts.flatMap((form) => [form, withoutBreaks(form)]).map(utf8),
    ...lineEndings(text).flatMap((variant) => byteForms(variant, large)),
  ];
  return forms.map(withoutCutEscape).filter((form) => form.length >= shortestBytes);
}

function textForms(text: string): string[] {
  return [text, ...jsonForms(text), ...percentForms(text), ...xmlForms(text), ...quotedForms(text)];
}

function largeForms(text: string): string[] {
  return [text, JSON.stringify(text).slice(1, -1)];
}

/** Encodings of bytes rather than of characters. */
function byteForms(text: string, large: boolean): string[] {
  const bytes = Buffer.from(text);
  if (large) return base64Cores(bytes);
  const utf16 = Buffer.from(text, 'utf16le');
  return [...base64Cores(bytes), ...hexForms(bytes), ...base64Cores(utf16), utf16.toString('latin1')];
}

function lineEndings(text: string): string[] {
  if (!/[\r\n]/.test(text)) return [text];
  const unix = text.replaceAll('\r\n', '\n');
  return [...new Set([text, unix, unix.replaceAll('\n', '\r\n')])];
}

/** The scanner can pass over line breaks and the indentation behind them: then it sees this. */
function withoutBreaks(text: string): string {
  return text.replace(/(?:[\r\n]|\\+[rn])[\r\n \t]*/g, '');
}

function utf8(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** A match that ended inside of an escape sequence of JSON would leave the rest of it behind. */
function withoutCutEscape(needle: string): string {
  const whole = needle.replace(/(?<!\\)((?:\\\\)*)\\(?:u[\da-fA-F]{0,3})?$/, '$1');
  return whole.length >= shortestBytes ? whole : needle;
}
