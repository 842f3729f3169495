import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { linesOf } from '../../src/words/lines.ts'
import { freshFolder } from '../storage/folder.ts'

async function read(...contents: (string | Buffer)[]): Promise<string[]> {
  const folder = freshFolder()
  const files = contents.map((content, at) => {
    const file = join(folder, `${at}.txt`)
    writeFileSync(file, content)
    return file
  })
  const lines: string[] = []
  for await (const batch of linesOf(files)) lines.push(...batch)
  return lines
}

test('lines of files, one after the other, also compressed ones', async () => {
  expect(await read('a\nb b', gzipSync('영화\n'), '', 'c\n')).toEqual(['a', 'b b', '영화', 'c'])
})

test('characters that lie across two pieces of a file are whole', async () => {
  const text = `${'x'.repeat(2 ** 20 - 1)}\n${'가나다'.repeat(500_000)}`
  const lines = await read(text)
  expect(lines[0]).toHaveLength(2 ** 20 - 1)
  expect(lines.slice(1).join('')).toBe('가나다'.repeat(500_000))
})

test('a line without end is cut at a space', async () => {
  const lines = await read('word '.repeat(1_000_000))
  expect(lines.length).toBeGreaterThan(3)
  expect(lines.join('')).toBe('word '.repeat(1_000_000))
  for (const line of lines.slice(1)) expect(line.startsWith(' ')).toBe(true)
})

test('what is not UTF-8 is refused with the file and what to do', async () => {
  await expect(read(Buffer.from([0xbf, 0xb5, 0xc8, 0xad]))).rejects.toThrow(
    /0\.txt must be text in UTF-8, but is not: convert it, for example by iconv -f cp949 -t utf-8$/,
  )
})
