/** Columns of texts, some of which are not known, as an Arrow IPC file of nullable utf8 columns. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { makeData, makeVector, Table, tableFromIPC, tableToIPC, Utf8 } from '../../storage/arrow.ts'

type Texts = readonly (string | undefined)[]

/** Writes columns of equal length to a new file at `path` and waits until the disk has it. */
export async function writeTextColumns(path: string, columns: Readonly<Record<string, Texts>>): Promise<void> {
  const vectors = Object.entries(columns).map(([name, texts]) => [name, columnOf(texts)] as const)
  await writeFile(path, tableToIPC(new Table(Object.fromEntries(vectors)), 'file'), { flag: 'wx', flush: true })
}

/**
 * The columns `names` of the file `path`.
 *
 * @throws Error naming the file when it has not these columns, or they are not of `length`.
 */
export function readTextColumns<Name extends string>(
  path: string,
  names: readonly Name[],
  length: number,
): Record<Name, Texts> {
  const broken = (why: string, cause?: unknown) =>
    new Error(`${path} is damaged: ${why}; make the song space anew`, { cause })
  const table = (() => {
    try {
      return tableFromIPC(readFileSync(path))
    } catch (cause) {
      throw broken('it is no whole Arrow file', cause)
    }
  })()
  if (table.numRows !== length) throw broken(`expected ${length} rows, got ${table.numRows}`)
  const columns = names.map((name): [Name, Texts] => {
    const column = table.getChild(name)
    if (!column || !(column.type instanceof Utf8)) throw broken(`it must have a column ${name} of utf8`)
    return [name, Array.from({ length }, (_, row): string | undefined => column.get(row) ?? undefined)]
  })
  return Object.fromEntries(columns) as Record<Name, Texts>
}

function columnOf(texts: Texts) {
  const parts = texts.map(text => Buffer.from(text ?? ''))
  const valueOffsets = new Int32Array(parts.length + 1)
  const nullBitmap = new Uint8Array(Math.ceil(parts.length / 8))
  let nullCount = 0
  parts.forEach((part, row) => {
    valueOffsets[row + 1] = valueOffsets[row]! + part.length
    if (texts[row] === undefined) nullCount++
    else nullBitmap[row >> 3]! |= 1 << (row & 7)
  })
  const data = Buffer.concat(parts)
  return makeVector(makeData({ type: new Utf8(), length: parts.length, nullCount, nullBitmap, valueOffsets, data }))
}
