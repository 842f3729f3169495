/** Vectors in arrays: .npy, and tensors of safetensors. */
import { createReadStream } from 'node:fs'
import { type NpyArray, readNpy } from '../../../storage/numpy/npy.ts'
import { elements, openSafetensors, type Safetensors, valuesIn } from '../../../storage/safetensors.ts'
import type { ForeignFactors, ForeignSide } from './foreign-factors.ts'

/** The matrix in a file of NumPy. @throws Error naming it when it is none of numbers in two dimensions. */
export async function npyMatrix(path: string): Promise<ForeignSide & { readonly width: number }> {
  return matrixOf(await readNpy(createReadStream(path), path), path)
}

/** The same of an array that is being read; `name` is for messages. */
export async function matrixOf(array: NpyArray, name: string): Promise<ForeignSide & { readonly width: number }> {
  const [rows, width, ...more] = array.shape
  if (rows === undefined || width === undefined || more.length > 0) {
    throw new Error(`${name} must have two dimensions, rows and factors, but is of shape (${array.shape.join(', ')})`)
  }
  const vectors = new Float32Array(rows * width)
  let at = 0
  for await (const piece of array.numbers()) {
    if (array.isFortran) {
      // Column after column.
      for (let place = 0; place < piece.length; place++, at++) {
        vectors[(at % rows) * width + Math.floor(at / rows)] = piece[place]!
      }
    } else {
      vectors.set(piece, at)
      at += piece.length
    }
  }
  return { rows, width, vectors }
}

/** What the tensors of users and items are called, by whoever wrote them. */
const names = [
  ['users', 'items'],
  ['user_factors', 'item_factors'],
  ['user_embeddings', 'item_embeddings'],
  ['user_embedding.weight', 'item_embedding.weight'],
] as const

/** The factors in a file of safetensors; ids where it has `user_ids` and `item_ids`, as an export has. */
export function safetensorsFactors(path: string): ForeignFactors {
  const file = openSafetensors(path)
  try {
    const pair = names.find(both => both.every(name => Object.hasOwn(file.tensors, name)))
    if (!pair) {
      const expected = names.map(both => both.join(' and ')).join(', or ')
      throw new Error(`${path} must have the tensors ${expected}, but has ${Object.keys(file.tensors).join(', ')}`)
    }
    const [users, items] = [sideOf(file, pair[0], 'user_ids'), sideOf(file, pair[1], 'item_ids')]
    if (users.width !== items.width) {
      throw new Error(`${path}: users and items must have as many factors, got ${users.width} and ${items.width}`)
    }
    return { users, items, width: users.width, origin: path }
  } finally {
    file.close()
  }
}

function sideOf(file: Safetensors, name: string, idsName: string): ForeignSide & { readonly width: number } {
  const tensor = file.tensors[name]!
  const [rows, width, ...more] = tensor.shape
  if (rows === undefined || width === undefined || more.length > 0 || !['F32', 'F64'].includes(tensor.dtype)) {
    throw new Error(
      `${file.path}: ${name} must be F32 or F64 of two dimensions, rows and factors, but is ${tensor.dtype} of shape (${tensor.shape.join(', ')})`,
    )
  }
  const values = valuesIn(tensor, 0, elements(tensor.shape)) as Float32Array | Float64Array
  const vectors = values instanceof Float32Array ? values : new Float32Array(values)
  const ids = file.tensors[idsName]
  if (!ids) return { rows, width, vectors }
  if (!['I64', 'I32', 'U32', 'U64'].includes(ids.dtype) || elements(ids.shape) !== rows) {
    throw new Error(
      `${file.path}: ${idsName} must be ${rows} integers, one a row of ${name}, but is ${ids.dtype} of shape (${ids.shape.join(', ')})`,
    )
  }
  return { rows, width, vectors, ids: Array.from(ids.data as Iterable<number | bigint>) }
}
