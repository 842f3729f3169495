import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { energyFeaturesOf } from '../../../src/music/audio/energy-features.ts'
import { TaggerArtifact, writeTagger } from '../../../src/music/tagger/artifact.ts'
import { labelledClips } from '../../../src/music/tagger/clips/clips.ts'
import { shapeOf, type TaggerOptions } from '../../../src/music/tagger/options.ts'
import { Tagger } from '../../../src/music/tagger/tagger.ts'
import { type TrainTagger, trainTagger } from '../../../src/music/tagger/training/train.ts'
import { native } from '../../../src/native.ts'
import { Pool } from '../../../src/parallel/pool.ts'
import { freshFolder } from '../../storage/folder.ts'
import { fileOf, wav } from '../wav.ts'
import { small, sound, soundFolders, soundTable } from './sounds.ts'

const pools = [1, 2, 3].map(threads => new Pool({ threads }))
afterAll(() => Promise.all(pools.map(pool => pool.close())))

async function train(
  place: string,
  context: Partial<TrainTagger> = {},
  options: Partial<TaggerOptions> = {},
  out = join(freshFolder(), 'tagger'),
) {
  const clips = await labelledClips(place)
  return { out, ...(await trainTagger(clips, out, { ...small, ...options }, { pool: pools[1]!, ...context })) }
}

function parametersOf(directory: string): Float32Array {
  const artifact = TaggerArtifact.open(directory)
  try {
    // The mean of the bands is there to see that the length is checked.
    expect(() => artifact.tensor('mean', 7)).toThrow('must be 7, but is 96')
    return Tagger.open(directory).parameters.slice()
  } finally {
    artifact.close()
  }
}

test('learns what sounds are labelled with, and predicts others', async () => {
  const { out, manifest, measure } = await train(soundFolders(10), { validation: 0.2 })
  expect(manifest).toMatchObject({
    kind: 'single',
    labels: ['high', 'low'],
    complete: true,
    clips: { training: 16, validation: 4 },
  })
  expect(measure?.accuracy).toBe(1)
  expect(measure?.confusion).toEqual([
    [2, 0],
    [0, 2],
  ])
  expect(manifest.epochs.at(-1)!.loss).toBeLessThan(manifest.epochs[0]!.loss)
  const tagger = Tagger.open(out)
  for (const [at, kind] of (['high', 'low'] as const).entries()) {
    const file = fileOf(wav(sound(kind, 5.5)))
    const { probabilities, embedding, energy, seconds } = await tagger.analyse(file)
    expect(probabilities[at]).toBeGreaterThan(0.5)
    expect(probabilities[0]! + probabilities[1]!).toBeCloseTo(1, 5)
    expect(embedding).toHaveLength(small.embedding)
    expect(seconds).toBe(0.5)
    // Slices overlap, and the last one is padded: each frame counts once.
    expect(energy).toEqual(await energyFeaturesOf(file))
  }
  tagger.close()
})

test('sounds with several labels have each by itself', async () => {
  const { out, manifest } = await train(soundTable(8), { validation: 0 }, { epochs: 25 })
  expect(manifest).toMatchObject({ kind: 'multi', labels: ['high', 'low'], epoch: 25 })
  const tagger = Tagger.open(out)
  const { probabilities } = await tagger.analyse(fileOf(wav(sound('both', 9))))
  expect(Math.min(...probabilities)).toBeGreaterThan(0.5)
  const { probabilities: ofLow } = await tagger.analyse(fileOf(wav(sound('low', 9))))
  expect([ofLow[0]! < 0.5, ofLow[1]! > 0.5]).toEqual([true, true])
  tagger.close()
})

test('the same bits come out for any number of workers, and whether or not the training was interrupted', async () => {
  const sounds = soundFolders(6)
  const outs = await Promise.all(pools.map(async pool => (await train(sounds, { pool }, { epochs: 4 })).out))
  const [first, ...others] = outs.map(parametersOf)
  for (const other of others) expect(other).toEqual(first)

  const controller = new AbortController()
  const interrupted = await train(
    sounds,
    {
      signal: controller.signal,
      checkpointSeconds: 0,
      onProgress: ({ epochs }) => epochs.length >= 2 && controller.abort(),
    },
    { epochs: 4 },
  )
  expect(interrupted.manifest.complete).toBe(false)
  const done = interrupted.manifest.epochs.length
  expect(done).toBeLessThan(4)
  // Of other parts of the clips, those of the validation would have been trained on.
  for (const other of [{ validation: 0 }, { seconds: 0.2 }]) {
    const wrong = train(sounds, { resume: true, ...other }, { epochs: 4 }, interrupted.out)
    await expect(wrong).rejects.toThrow('resume it with the same')
  }
  const resumed = await train(sounds, { resume: true }, { epochs: 4 }, interrupted.out)
  expect(resumed.manifest.epochs.slice(0, done)).toEqual(interrupted.manifest.epochs)
  expect(parametersOf(resumed.out)).toEqual(first)
})

test('files that cannot be read are left out and named; without any there is no training', async () => {
  const sounds = soundFolders(4)
  writeFileSync(join(sounds, 'low', 'broken.wav'), 'no sound')
  const { faults, manifest } = await train(sounds, { validation: 0 }, { epochs: 1 })
  expect(faults).toEqual([expect.stringContaining('broken.wav')])
  expect(manifest.clips.training).toBe(8)
  const broken = freshFolder()
  writeFileSync(join(broken, 'labels.csv'), 'file,labels\na.wav,x\nb.wav,y\n')
  await expect(train(join(broken, 'labels.csv'))).rejects.toThrow(
    /expected at least 2 sounds to train on, got 0.*a\.wav/,
  )
})

test('training ends early where the validation has become no better', async () => {
  const { manifest } = await train(soundFolders(6), { validation: 0.3 }, { epochs: 60, patience: 3 })
  expect(manifest.complete).toBe(true)
  expect(manifest.epochs.length).toBeLessThan(60)
  expect(manifest.epochs.length - manifest.epoch).toBe(3)
})

test('refuses what does not fit, and says the remedy', async () => {
  const sounds = soundFolders(2)
  await expect(train(sounds, {}, { frames: 20 })).rejects.toThrow('frames must be a multiple of 16, got 20')
  await expect(train(sounds, {}, { epochs: -1 })).rejects.toThrow('epochs must be')
  const { out } = await train(sounds, { validation: 0 }, { epochs: 1 })
  await expect(train(sounds, {}, {}, out)).rejects.toThrow('exists: choose another place, replace it')
  await expect(train(sounds, { resume: true }, { epochs: 1 }, out)).rejects.toThrow('has come to its end')
  await expect(train(sounds, { resume: true, replace: true }, {}, out)).rejects.toThrow('either replaced')
  expect((await train(sounds, { replace: true, validation: 0 }, { epochs: 1 }, out)).manifest.complete).toBe(true)
})

test('a damaged tagger is refused', async () => {
  const { out } = await train(soundFolders(2), { validation: 0 }, { epochs: 1 })
  truncateSync(join(out, 'tensors.safetensors'), 1000)
  expect(() => Tagger.open(out)).toThrow('tensors.safetensors is damaged')
  expect(() => Tagger.open(join(out, 'none'))).toThrow('`aurochs music train-tagger` makes one')
})

/** A tagger that `change` has altered, under checksums that are right. */
async function altered(
  change: (about: Record<string, unknown>, tensors: Record<string, Float32Array>) => void,
): Promise<string> {
  const { out, manifest } = await train(soundFolders(2), { validation: 0 }, { epochs: 1 })
  const artifact = TaggerArtifact.open(out)
  const sizes = native.taggerSizes(shapeOf(manifest.options, manifest.labels.length, manifest.kind))
  const tensor = (name: string, length: number) => artifact.tensor(name, length).data.slice()
  const tensors = {
    parameters: tensor('parameters', sizes.parameters),
    moments: tensor('moments', sizes.moments),
    mean: tensor('mean', 96),
    deviation: tensor('deviation', 96),
  }
  artifact.close()
  const { files: _, format: __, version: ___, created: ____, ...about } = manifest
  change(about, tensors)
  await writeTagger(out, tensors, '', { ...about, replace: true })
  return out
}

test.each([
  [
    'a parameter that is no number',
    'parameters: value 5 must be a finite number',
    (_, { parameters }) => parameters!.set([Number.NaN], 5),
  ],
  ['an infinite mean', 'mean: value 0 must be a finite number', (_, { mean }) => mean!.set([Number.POSITIVE_INFINITY])],
  [
    'labels that come twice',
    'labels must be at least two, each once',
    about => Object.assign(about, { labels: ['low', 'low'] }),
  ],
  [
    'another network',
    'the tensor parameters: its shape must be',
    about => Object.assign(about, { labels: ['a', 'b', 'c'] }),
  ],
  [
    'a network that cannot be',
    'manifest.json is damaged: frames must be',
    about => Object.assign(about, { options: { ...(about.options as object), frames: 9 } }),
  ],
] satisfies [string, string, Parameters<typeof altered>[0]][])(
  'a tagger with %s is refused, though its checksums are right',
  async (_, fault, change) => {
    const out = await altered(change)
    expect(() => Tagger.open(out)).toThrow(fault)
  },
)
