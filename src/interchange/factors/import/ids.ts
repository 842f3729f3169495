/** Files of ids, one for each row of a matrix. */
import { createReadStream, readFileSync } from 'node:fs'
import type { Id } from '../../../storage/ids.ts'
import { readNpy } from '../../../storage/numpy/npy.ts'

const integer = /^(0|-?[1-9]\d{0,18})$/

/**
 * The ids in a file: of NumPy (.npy, of integers or text), or text with an id a line. In text they are integers if every one is written as an integer is.
 *
 * @throws Error naming the file when it holds none.
 */
export async function readIds(path: string): Promise<readonly Id[]> {
  const ids = path.endsWith('.npy') ? await npyIds(path) : textIds(path)
  if (ids.length === 0) throw new Error(`${path} must hold an id for each row, but is empty`)
  return ids
}

function textIds(path: string): Id[] {
  const lines = readFileSync(path, 'utf8')
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
  const empty = lines.indexOf('')
  if (lines.length === 1 && empty === 0) return []
  if (empty >= 0) throw new Error(`${path}, line ${empty + 1}: expected an id, got an empty line; remove it`)
  return lines.every(line => integer.test(line)) ? lines.map(BigInt) : lines
}

async function npyIds(path: string): Promise<Id[]> {
  const array = await readNpy(createReadStream(path), path)
  if (array.shape.length !== 1) {
    throw new Error(`${path} must have one dimension, an id a row, but is of shape (${array.shape.join(', ')})`)
  }
  const ids: Id[] = []
  if (/^[<>]U/.test(array.descr)) for await (const piece of array.texts()) for (const id of piece) ids.push(id)
  else {
    for await (const piece of array.numbers()) {
      for (const id of piece) {
        if (!Number.isSafeInteger(id)) {
          throw new Error(`${path} must hold integers up to 2^53, or text, but has ${id}: save such ids as text`)
        }
        ids.push(id)
      }
    }
  }
  return ids
}
