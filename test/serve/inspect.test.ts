import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Artifact, recordMetrics } from '../../src/models/artifact/artifact.ts'
import { exampleUsers } from '../../src/serve/inspect/examples.ts'
import { listModels } from '../../src/serve/inspect/models.ts'
import { freshFolder } from '../storage/folder.ts'
import { writeSmallModel } from './small-model.ts'

test('lists the served model, the one before it, and what else lies beside it, but nothing that is damaged', async () => {
  const folder = freshFolder()
  const model = await writeSmallModel(folder)
  const artifact = Artifact.open(model)
  await recordMetrics(artifact, { 'recall@20': 0.25 })
  const served = Artifact.open(model)
  cpSync(model, `${model}.previous`, { recursive: true })
  cpSync(model, join(folder, 'a-copy'), { recursive: true })
  cpSync(model, join(folder, 'damaged'), { recursive: true })
  writeFileSync(join(folder, 'damaged', 'tensors.safetensors'), 'x')
  mkdirSync(join(folder, 'search'))
  const head = { format: 'aurochs-tuning', version: 1, dataset: 'd', metric: 'ndcg@20', seed: 0 }
  const trial = (score: number | null, factors: number) => ({
    algorithm: 'als',
    options: { factors },
    epochs: 5,
    score,
    seconds: 1,
  })
  const lines = [head, trial(0.2, 8), trial(null, 1024), trial(0.3, 16)]
  writeFileSync(join(folder, 'search', 'trials.ndjson'), lines.map(line => `${JSON.stringify(line)}\n`).join(''))
  mkdirSync(join(folder, 'damaged-search'))
  writeFileSync(join(folder, 'damaged-search', 'trials.ndjson'), 'x\n')

  const { models, searches } = await listModels(served)
  expect(models.map(({ role, directory }) => [role, directory])).toEqual([
    ['served', model],
    ['previous', `${model}.previous`],
    ['other', join(folder, 'a-copy')],
  ])
  expect(models[0]).toMatchObject({
    generation: served.checksum,
    algorithm: 'als',
    users: 20,
    items: 40,
    pairs: 57,
    loss: [0],
    metrics: { 'recall@20': 0.25 },
  })
  expect(searches).toEqual([
    {
      directory: join(folder, 'search'),
      metric: 'ndcg@20',
      scores: [0.2, null, 0.3],
      best: [
        { algorithm: 'als', options: { factors: 16 }, epochs: 5, score: 0.3, seconds: 1 },
        { algorithm: 'als', options: { factors: 8 }, epochs: 5, score: 0.2, seconds: 1 },
      ],
    },
  ])
  artifact.close()
  served.close()
})

test('gives users who have items, each once, and no more than there are', async () => {
  const artifact = Artifact.open(await writeSmallModel(freshFolder()))
  const { users } = exampleUsers(artifact, 100)
  // User 19 has none.
  expect(users.map(({ user }) => Number(user)).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 19 }, (_, user) => user),
  )
  expect(new Set(users.map(({ items }) => items))).toEqual(new Set([3]))
  expect(exampleUsers(artifact, 3).users).toHaveLength(3)
  artifact.close()
})
