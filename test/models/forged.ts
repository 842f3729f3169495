/** Artifacts with other tensors than they were written with, and checksums that fit: what no checksum finds. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Format, openDirectory, writeDirectory } from '../../src/storage/directory.ts'
import { openSafetensors, type Tensor, type TensorArray, writeSafetensors } from '../../src/storage/safetensors.ts'
import { freshFolder } from '../storage/folder.ts'

type Tensors = Readonly<Record<string, Tensor>>
type Options = Readonly<Record<string, unknown>>
type Change = (tensors: Tensors) => Tensors

/** A copy of a model with what `change` makes of the tensors in `file`. */
export function forgedModel(model: string, file: string, change: Change): Promise<string> {
  return forged(model, 'aurochs-model', file, change)
}

export function forgedDataset(dataset: string, file: string, change: Change): Promise<string> {
  return forged(dataset, 'aurochs-dataset', file, change)
}

/** A copy of a model with what `change` makes of the options in its manifest. */
export async function forgedOptions(model: string, change: (options: Options) => Options): Promise<string> {
  const { files, ...fields } = openDirectory(model, 'aurochs-model')
  const copy = join(freshFolder(), 'forged')
  await writeDirectory(copy, async draft => {
    for (const name of Object.keys(files)) cpSync(join(model, name), join(draft, name))
    return { ...fields, options: change((fields as unknown as { options: Options }).options) }
  })
  return copy
}

async function forged(original: string, format: Format, file: string, change: Change): Promise<string> {
  const { files, ...fields } = openDirectory(original, format)
  const copy = join(freshFolder(), 'forged')
  await writeDirectory(copy, async draft => {
    for (const name of Object.keys(files)) cpSync(join(original, name), join(draft, name))
    rmSync(join(draft, file))
    await writeSafetensors(join(draft, file), change(openSafetensors(join(original, file)).tensors))
    return fields
  })
  return copy
}

export function without(tensors: Tensors, name: string): Tensors {
  const { [name]: _, ...others } = tensors
  // A file of tensors has at least one.
  return { ...others, other: { data: Uint8Array.of(0), shape: [1] } }
}

export function ofAnotherType(tensors: Tensors, name: string): Tensors {
  const { data, shape } = tensors[name]!
  const numbers = Array.from(data as Iterable<number | bigint>, Number)
  const other = data instanceof Float32Array ? Float64Array.from(numbers) : Float32Array.from(numbers)
  return { ...tensors, [name]: { data: other, shape } }
}

export function withoutLastRow(tensors: Tensors, name: string): Tensors {
  const { data, shape } = tensors[name]!
  const [rows, ...rest] = shape as [number, ...number[]]
  const shorter = data.slice(0, data.length - data.length / rows)
  return { ...tensors, [name]: { data: shorter, shape: [rows - 1, ...rest] } }
}

/** The tensors with `value` at `place` of the one called `name`. */
export function withValue(tensors: Tensors, name: string, place: number, value: number | bigint): Tensors {
  const { data, shape } = tensors[name]!
  const changed = data.slice()
  changed[place] = value
  return { ...tensors, [name]: { data: changed, shape } }
}

/** Tensors of one dimension, with what `change` does to a copy of their data. */
export function withData<Data extends Readonly<Record<string, TensorArray>>>(
  tensors: Tensors,
  change: (data: Data) => void,
): Tensors {
  const data = Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, data.slice()]))
  change(data as Data)
  return Object.fromEntries(Object.entries(data).map(([name, data]) => [name, { data, shape: [data.length] }]))
}
