import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { algorithms, defaultAlgorithm } from '../../src/models/registry.ts'
import { checkerboard, datasetOf } from '../models/interactions.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochs, aurochsInTurn, main } from './aurochs.ts'

const manifestOf = (directory: string) => Artifact.open(directory).manifest

test('trains, prints each epoch, and resumes bit for bit', async () => {
  const { directory } = await datasetOf(checkerboard(40))
  const folder = freshFolder()
  const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')]
  const printed = await aurochs(
    'train',
    directory,
    '--out',
    whole,
    '--factors',
    '7',
    '--epochs',
    '4',
    '--no-tune',
    '--json',
  )
  expect(printed.status).toBe(0)
  const lines = printed.json() as Record<string, unknown>[]
  expect(lines.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, undefined])
  expect(lines.at(-1)).toMatchObject({
    algorithm: 'als',
    options: { factors: 7, epochs: 4 },
    epochs: 4,
    complete: true,
    loss: lines.slice(0, 4).map(({ loss }) => loss),
  })

  const train = (...args: string[]) => ['train', directory, '--out', parts, '--factors', '7', '--no-tune', ...args]
  await aurochs(...train('--epochs', '2'))
  const [taken, other, resumed] = await aurochsInTurn(
    train('--epochs', '4'),
    train('--alpha', '3', '--resume'),
    train('--epochs', '4', '--resume'),
  )
  expect(taken!.stderr).toBe(
    `aurochs: ${parts} exists: choose another place, replace it (replace, --replace) or go on from it (resume, --resume)\n`,
  )
  expect(other!.stderr).toContain('was trained with alpha 1, not 3')
  expect(resumed!.status).toBe(0)
  expect(manifestOf(parts).files['tensors.safetensors']).toEqual(manifestOf(whole).files['tensors.safetensors'])
  expect(manifestOf(parts).loss).toEqual(manifestOf(whole).loss)

  // What is not given is as it was in the model.
  const [more, same, both] = await aurochsInTurn(
    ['train', directory, '--out', parts, '--epochs', '6', '--resume'],
    ['train', directory, '--out', parts, '--resume'],
    train('--resume', '--replace'),
  )
  expect([more!.status, same!.status]).toEqual([0, 0])
  expect(manifestOf(parts)).toMatchObject({ options: { factors: 7, epochs: 6 }, epochs: 6, complete: true })
  expect(both!.stderr).toBe('aurochs: a model is either replaced (replace, --replace) or resumed (resume, --resume)\n')
})

test('a model is resumed without the name of its algorithm', async () => {
  const { directory } = await datasetOf(checkerboard(20))
  const out = join(freshFolder(), 'model')
  const [first, more] = await aurochsInTurn(
    ['train', directory, '--out', out, '--model', 'bpr', '--factors', '3', '--epochs', '2'],
    ['train', directory, '--out', out, '--resume', '--epochs', '5'],
  )
  expect([first!, more!].map(({ status, stderr }) => ({ status, stderr }))).toEqual(
    Array(2).fill({ status: 0, stderr: '' }),
  )
  expect(manifestOf(out)).toMatchObject({ algorithm: 'bpr', options: { factors: 3, epochs: 5 }, epochs: 5 })
})

test('every algorithm of the registry is trained by its name, the default one without', async () => {
  const { directory } = await datasetOf(checkerboard(20))
  const folder = freshFolder()
  const out = (name: string) => join(folder, name)
  const runs = algorithms.map(({ name }) => ['train', directory, '--out', out(name), '--model', name])
  const trained = await aurochsInTurn(...runs, ['train', directory, '--out', out('default')])
  for (const [at, { name }] of algorithms.entries()) {
    const { status, stdout, stderr } = trained[at]!
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toContain(`${out(name)}: ${name}, 20 users × 20 items`)
    expect(manifestOf(out(name))).toMatchObject({ algorithm: name, complete: true })
  }
  expect(manifestOf(out('default')).algorithm).toBe(defaultAlgorithm.name)
})

test('Ctrl-C ends after the epoch, saves, and says how to go on', async () => {
  const { directory } = await datasetOf(checkerboard(60))
  const out = join(freshFolder(), 'model')
  const child = spawn(process.execPath, [
    main,
    'train',
    directory,
    '--out',
    out,
    '--epochs',
    '100000',
    '--no-tune',
    '--json',
  ])
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  await once(child.stdout, 'data')
  child.stdout.resume()
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  expect(code).toBe(130)
  const { epochs, loss, complete } = manifestOf(out)
  expect(errors).toBe(`aurochs: interrupted after epoch ${epochs}; --resume goes on from there\n`)
  expect(epochs).toBeGreaterThan(0)
  expect(loss).toHaveLength(epochs)
  expect(complete).toBe(false)
})

test('what cannot be is refused in words', async () => {
  const { directory } = await datasetOf(checkerboard(10))
  const folder = freshFolder()
  const out = join(folder, 'model')
  const names = algorithms.map(({ name }) => name).join(', ')
  const refusals: [args: string[], answer: string][] = [
    [['--model', 'svd'], `--model must be one of ${names}, got svd`],
    [['--factors', '0'], '--factors must be a whole number from 1 to 1024, got 0'],
    [['--factors', 'many'], '--factors must be a whole number from 1 to 1024, got many'],
    [['--alpha', '0'], '--alpha must be a number above 0 to 1000000000, got 0'],
    [['--confidence', 'high'], '--confidence must be one of ials, implicit, hu, got high'],
    [
      ['--model', 'popular', '--factors', '8'],
      '--factors is an option of als, autoencoder, bpr, graph-filter, word2vec, not of popular: leave it out, or train one of these',
    ],
    [['--threads', '0'], '--threads must be a whole number from 1 to 1024, got 0'],
    [['--rank', '8'], "unknown option '--rank'"],
  ]
  const refused = await aurochsInTurn(...refusals.map(([args]) => ['train', directory, '--out', out, ...args]))
  for (const [at, { status, stdout, stderr }] of refused.entries()) {
    const answer = expect.stringContaining(refusals[at]![1])
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: answer })
  }
  expect(existsSync(out)).toBe(false)
  const missing = join(folder, 'none')
  expect(await aurochs('train', missing, '--out', out)).toMatchObject({
    status: 1,
    stderr: `aurochs: there is no dataset at ${missing}: \`aurochs import\` makes one\n`,
  })
  writeFileSync(out, 'mine')
  expect((await aurochs('train', directory, '--out', out, '--replace', '--epochs', '1')).status).toBe(1)
  expect(readFileSync(out, 'utf8')).toBe('mine')
})

test('an algorithm that trains in one go has nothing to resume', async () => {
  const { directory } = await datasetOf(checkerboard(10))
  const out = join(freshFolder(), 'model')
  const train = ['train', directory, '--out', out, '--model', 'popular']
  const [, resumed] = await aurochsInTurn(train, [...train, '--resume'])
  expect(resumed).toMatchObject({
    status: 1,
    stderr:
      'aurochs: popular trains in one go and has nothing to resume: replace the model in place of resuming it (replace, --replace)\n',
  })
})

test('options that are not given are chosen, those given are kept, and the manifest says how', async () => {
  const { directory } = await datasetOf(checkerboard(30))
  const folder = freshFolder()
  const out = (name: string) => join(folder, name)
  const train = (name: string, ...args: string[]) => ['train', directory, '--out', out(name), '--factors', '3', ...args]
  const [first, second, defaults] = await aurochsInTurn(
    train('first', '--regularization', '0.02'),
    train('second', '--regularization', '0.02'),
    train('defaults', '--no-tune'),
  )
  expect([first!.status, second!.status, defaults!.status]).toEqual([0, 0, 0])
  const { options, tuning, files } = manifestOf(out('first'))
  expect(options).toMatchObject({ factors: 3, regularization: 0.02 })
  expect(tuning).toMatchObject({ metric: 'ndcg@20', trials: 12 })
  expect(tuning!.score).toBeGreaterThanOrEqual(tuning!.defaultScore!)
  expect(first!.stdout).toMatch(
    /^choosing options by 12 short trainings, .*\nchosen in [\d.]+ s: .*--unobserved-weight .* \(ndcg@20 by short trainings .*, the defaults .*; 12 trials\)\n/,
  )
  expect(manifestOf(out('second')).files['tensors.safetensors']).toEqual(files['tensors.safetensors'])
  expect(manifestOf(out('defaults'))).toMatchObject({ options: { unobservedWeight: 0.1, regularization: 0.03 } })
  expect(manifestOf(out('defaults')).tuning).toBeUndefined()
})

test('options of parts are chosen, too, and an option of a part alone is refused with the notation for it', async () => {
  const { directory } = await datasetOf(checkerboard(30))
  const out = join(freshFolder(), 'model')
  const train = (...args: string[]) => ['train', directory, '--out', out, '--model', 'blend', ...args]
  const [chosen, refused, weighted] = await aurochsInTurn(
    train('--parts', '2 * als(factors=3) + popular'),
    train('--factors', '3'),
    ['train', directory, '--out', out, '--model', 'context-taste', '--parts', '2 * als + popular'],
  )
  expect(chosen!.stdout).toMatch(
    /^choosing options by \d+ short trainings, .*\nals: chosen in [\d.]+ s: .*--unobserved-weight /,
  )
  expect(chosen!.status).toBe(0)
  expect(weighted!.stderr).toContain('the weights of parts are learned: expected als without 2')
  expect(manifestOf(out).partTunings).toMatchObject([{ part: 'als', metric: 'ndcg@20', trials: expect.any(Number) }])
  const [, options] = /^2 \* als\((.*)\) \+ popular$/.exec(manifestOf(out).options.parts as string)!
  expect(options).toMatch(/^factors=3, .*unobserved-weight=/)
  expect(refused!.stderr).toMatch(
    /, not of blend: leave it out, train one of these, or give it to a part: --parts 'als\(factors=3\) \+ …'\n$/,
  )
})

test('what a search found is trained by --from-tune', async () => {
  const { directory } = await datasetOf(checkerboard(30))
  const folder = freshFolder()
  const [search, out] = [join(folder, 'search'), join(folder, 'model')]
  const limits = ['--factors', '3', '--epochs', '9', '--budget', '5s', '--users', '10']
  const tuned = await aurochs('tune', directory, '--out', search, ...limits)
  expect({ status: tuned.status, stderr: tuned.stderr }).toEqual({ status: 0, stderr: '' })
  expect(tuned.stdout).toMatch(/^ndcg@20 +epochs +s +model +options\n/)
  const [, flags] = /^best: --model als (.*)$/m.exec(tuned.stdout)!
  expect(readFileSync(join(search, 'plot.svg'), 'utf8')).toContain('<circle')
  const [trained, again, other, nothing] = await aurochsInTurn(
    ['train', directory, '--out', out, '--from-tune', search],
    ['tune', directory, '--out', search, ...limits, '--json'],
    ['train', directory, '--out', join(folder, 'other'), '--from-tune', search, '--model', 'popular'],
    ['train', directory, '--out', join(folder, 'nothing'), '--from-tune', folder],
  )
  expect(trained!.status).toBe(0)
  const { options, tuning, algorithm } = manifestOf(out)
  const found = Object.fromEntries(
    [...flags!.matchAll(/--(\S+) (\S+)/g)].map(([, name, value]) => [name, Number(value)]),
  )
  expect(algorithm).toBe('als')
  expect(options).toMatchObject({
    factors: 3,
    regularization: found.regularization,
    unobservedWeight: found['unobserved-weight'],
    epochs: found.epochs,
  })
  expect(tuning).toMatchObject({ metric: 'ndcg@20', trials: expect.any(Number) })
  expect(again!.json()).toMatchObject([{ model: 'als', metric: 'ndcg@20' }])
  expect(other!.stderr).toBe(
    `aurochs: --from-tune ${search} found als, not popular: leave --model out, or name another search\n`,
  )
  expect(nothing!.stderr).toBe(
    `aurochs: ${folder} holds no search that found anything: expected the --out of aurochs tune\n`,
  )
})

test('who weighs pairs by ratings is told what that does, and weights of kinds come as name=number', async () => {
  const pairs = checkerboard(20).map(([user, item], at): [number, number, number] => [user, item, 1 + (at % 5)])
  const { directory } = await datasetOf(pairs)
  const folder = freshFolder()
  const train = (name: string, ...args: string[]) => {
    return ['train', directory, '--model', 'popular', '--out', join(folder, name), ...args]
  }
  const [rated, plain, kinds] = await aurochsInTurn(
    train('rated', '--weighting', 'weight'),
    train('plain', '--weighting', 'log'),
    train('kinds', '--kind-weights', 'buy=2,view=0.5'),
  )
  expect([rated!.status, plain!.status, plain!.stderr]).toEqual([0, 0, ''])
  expect(rated!.stderr).toContain('seem to be ratings')
  expect(kinds!.stderr).toContain('need kinds and times')
})
