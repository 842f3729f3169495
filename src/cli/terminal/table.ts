/** Rows of text in columns for people: numbers to the right, text to the left, wide characters counted as two. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map(row => row.map(String))
  const widths = texts.reduce<number[]>(
    (widest, row) => row.map((text, at) => Math.max(widest[at] ?? 0, width(text))),
    [],
  )
  const lines = rows.map((row, at) =>
    row
      .map((cell, column) => {
        const text = texts[at][column]
        const gap = ' '.repeat(widths[column] - width(text))
        return typeof cell === 'number' ? gap + text : text + gap
      })
      .join('  ')
      .trimEnd(),
  )
  return lines.map(line => `${line}\n`).join('')
}

/** Columns that a terminal takes: East Asian characters take two. */
function width(text: string): number {
  let columns = 0
  for (const character of text)
    columns +=
      /\p{Script=Han}|\p{Script=Hangul}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Emoji_Presentation}|[\uff01-\uff60]/u.test(
        character,
      )
        ? 2
        : 1
  return columns
}
