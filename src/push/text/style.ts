/** How a text is written, whatever it says: features by name, for Korean and English alike. */
const letters = /\p{L}/gu
const upperCase = /\p{Lu}/gu
const hangul = /\p{Script=Hangul}/gu
const latin = /\p{Script=Latin}/gu
const quotes = /["“”«»「」『』]|(?<!\p{L})['‘]|['’](?!\p{L})/gu

const measures: Readonly<Record<string, (text: string, words: readonly string[]) => number>> = {
  characters: text => Math.log1p(text.length),
  'characters, squared': text => Math.log1p(text.length) ** 2,
  words: (_, words) => Math.log1p(words.length),
  'characters a word': (text, words) => (words.length > 0 ? text.length / words.length : 0),
  digits: text => share(text, /\p{Nd}/gu),
  numbers: text => Math.log1p(count(text, /\p{Nd}+/gu)),
  'begins with a number': text => Number(/^\P{L}*\p{Nd}/u.test(text)),
  'question marks': text => Math.log1p(count(text, /[?？]/gu)),
  'exclamation marks': text => Math.log1p(count(text, /[!！]/gu)),
  quotes: text => Math.log1p(count(text, quotes)),
  commas: text => Math.log1p(count(text, /[,，、]/gu)),
  'full stops': text => Math.log1p(count(text, /(?<!\.)[.。](?!\.)/gu)),
  ellipses: text => Math.log1p(count(text, /…|\.{2,}/gu)),
  'colons and dashes': text => Math.log1p(count(text, /[:;—–]|-(?=\s)/gu)),
  brackets: text => Math.log1p(count(text, /[([{【〈《]/gu)),
  apostrophes: text => Math.log1p(count(text, /(?<=\p{L})['’](?=\p{L})/gu)),
  'upper case letters': text => ratio(count(text, upperCase), count(text, letters)),
  'words in upper case': (_, words) =>
    ratio(words.filter(word => /^\P{Ll}*\p{Lu}\P{Ll}*\p{Lu}\P{Ll}*$/u.test(word)).length, words.length),
  Hangul: text => ratio(count(text, hangul), count(text, letters)),
  'other scripts': text => {
    const all = count(text, letters)
    return ratio(all - count(text, hangul) - count(text, latin), all)
  },
}

export const styleNames: readonly string[] = Object.keys(measures)

/** (style) The features of {@link styleNames}, of any scale; of an empty text all are 0. */
export function styleOf(text: string): Float32Array {
  const plain = text.normalize('NFC').trim()
  const words = plain === '' ? [] : plain.split(/\s+/u)
  return Float32Array.from(Object.values(measures), measure => measure(plain, words))
}

function count(text: string, pattern: RegExp): number {
  let found = 0
  for (const _ of text.matchAll(pattern)) found++
  return found
}

function share(text: string, pattern: RegExp): number {
  return ratio(count(text, pattern), text.length)
}

function ratio(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0
}
