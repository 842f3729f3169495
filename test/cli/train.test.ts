import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Model } from '../../src/models/model.ts'
import { checkerboard, datasetOf } from '../models/interactions.ts'
import { freshFolder } from '../storage/folder.ts'

const cli = join(import.meta.dirname, '../../src/cli/main.ts')

function aurochs(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

const manifestOf = (directory: string) => Model.open(directory).manifest

test('trains, tells each epoch, and resumes bit for bit', async () => {
  const { directory } = await datasetOf(checkerboard(40))
  const folder = freshFolder()
  const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')]
  const told = aurochs('train', directory, '--out', whole, '--factors', '7', '--epochs', '4', '--json')
  expect(told.status).toBe(0)
  const lines = told.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(lines.map(line => line.epoch)).toEqual([1, 2, 3, 4, undefined])
  expect(lines.at(-1)).toMatchObject({ kind: 'als', epochs: 4, loss: lines.slice(0, 4).map(line => line.loss) })

  aurochs('train', directory, '--out', parts, '--factors', '7', '--epochs', '2')
  expect(aurochs('train', directory, '--out', parts, '--factors', '7', '--epochs', '4').stderr).toContain('exists')
  const other = aurochs('train', directory, '--out', parts, '--factors', '7', '--alpha', '3', '--resume')
  expect(other.stderr).toContain('was trained with alpha 1, not 3')
  expect(aurochs('train', directory, '--out', parts, '--factors', '7', '--epochs', '4', '--resume').status).toBe(0)
  expect(manifestOf(parts).files['factors.safetensors']).toEqual(manifestOf(whole).files['factors.safetensors'])
  expect(manifestOf(parts).loss).toEqual(manifestOf(whole).loss)
})

test('Ctrl-C ends after the epoch, saves, and says how to go on', async () => {
  const { directory } = await datasetOf(checkerboard(60))
  const out = join(freshFolder(), 'model')
  const child = spawn(process.execPath, [cli, 'train', directory, '--out', out, '--epochs', '100000', '--json'])
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  await once(child.stdout, 'data')
  child.stdout.resume()
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  expect(code).toBe(130)
  const { epochs, loss } = manifestOf(out)
  expect(errors).toContain(`interrupted after epoch ${epochs} of 100000; --resume goes on from there`)
  expect(epochs).toBeGreaterThan(0)
  expect(loss).toHaveLength(epochs)
})

test('what cannot be is refused in words', async () => {
  const { directory } = await datasetOf(checkerboard(10))
  const folder = freshFolder()
  const out = join(folder, 'model')
  expect(aurochs('train', directory, '--out', out, '--factors', '0')).toMatchObject({ status: 2 })
  expect(aurochs('train', directory, '--out', out, '--model', 'svd').stderr).toContain('--model must be als, got svd')
  expect(aurochs('train', join(folder, 'none'), '--out', out).stderr).toContain('none')
  writeFileSync(out, 'mine')
  expect(aurochs('train', directory, '--out', out, '--replace', '--epochs', '1').status).toBe(1)
  expect(readFileSync(out, 'utf8')).toBe('mine')
})
