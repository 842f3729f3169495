import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { metricNames } from '../../src/evaluation/metrics/metrics.ts'
import { Artifact } from '../../src/models/artifact/artifact.ts'
import { algorithms } from '../../src/models/registry.ts'
import { smallModel } from '../models/small-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochs, aurochsInTurn, type Finished } from './aurochs.ts'

const columns = ['--user', 'user', '--item', 'item']
/** Enough for a few pairs: a worker takes longer to start than to rank them. */
const oneThread = ['--threads', '1']

/** Writes pairs like `ada:p` as a file with the columns user, item and time, a day after the other. */
function fileOf(folder: string, name: string, pairs: readonly string[]): string {
  const path = join(folder, name)
  const day = (at: number) => new Date(Date.UTC(2019, 0, 1 + at)).toISOString().slice(0, 10)
  const lines = pairs.map((pair, at) => `${pair.replace(':', ',')},${day(at)}`)
  writeFileSync(path, `user,item,time\n${lines.join('\n')}\n`)
  return path
}

test('a file is judged by another, users and items matched by id', async () => {
  const folder = freshFolder()
  const train = fileOf(folder, 'train.csv', ['ada:p', 'bo:p', 'bo:q', 'cy:p', 'cy:q', 'cy:r'])
  // Ada's list is q, r; bo's r. Nobody has z. Dee, whom the training does not know, gets p, q, r.
  const test = fileOf(folder, 'test.csv', ['ada:r', 'bo:r', 'bo:z', 'dee:p', 'cy:p'])
  const metrics = ['--metrics', 'recall@2,mrr@2,precision@2']
  const asked = ['evaluate', '--train', train, '--test', test, ...columns, '--model', 'popular', ...metrics, '--json']
  const { status, stderr, json } = await aurochs(...asked, ...oneThread)
  expect(stderr).toBe('')
  expect(status).toBe(0)
  expect(json()).toEqual([
    {
      model: 'popular',
      options: { weighting: 'none', weightingK1: 1.2, weightingB: 0.75 },
      train: { users: 3, items: 3, pairs: 6 },
      test: { judged: 'pairs', users: 3, pairs: 4, unknownUsers: 1, unknownPairs: 1, repeatedPairs: 1 },
      metrics: { 'recall@2': (1 + 1 / 2 + 1) / 3, 'mrr@2': (1 / 2 + 1 + 1) / 3, 'precision@2': 1 / 2 },
      intervals: { 'recall@2': [expect.any(Number), 1], 'mrr@2': [1 / 2, 1], 'precision@2': [1 / 2, 1 / 2] },
      seconds: { train: expect.any(Number), rank: expect.any(Number) },
    },
  ])
})

/** Two groups of users, each of whom reads most of the ten articles of their own group: als can tell, popularity not. */
const groups: string[] = []
for (let user = 0; user < 60; user++) {
  for (let item = 0; item < 10; item++)
    if ((user * 7 + item) % 5 !== 0) groups.push(`u${user}:${'ab'[user % 2]}${item}`)
}

test('als finds what popularity cannot, and a split is the same for the same seed', async () => {
  const source = fileOf(freshFolder(), 'reads.csv', groups)
  const models = ['--model', 'als', '--model', 'popular', '--factors', '4', '--epochs', '8', '--seed', '3', '--no-tune']
  const run = (seed: string) => {
    const split = ['--split', 'random:0.2', '--split-seed', seed]
    return ['evaluate', '--train', source, ...split, ...columns, ...models, '--metrics', 'recall@4', '--json']
  }
  const [one, [again, other]] = await Promise.all([aurochs(...run('1')), aurochsInTurn(run('1'), run('2'))])
  expect(one.stderr).toBe('')
  const [als, popular] = one.json() as { metrics: { 'recall@4': number }; options: object; test: { pairs: number } }[]
  expect(als!.options).toMatchObject({ factors: 4, epochs: 8, seed: 3 })
  expect(als!.metrics['recall@4']).toBeGreaterThan(0.9)
  expect(popular!.metrics['recall@4']).toBeLessThan(0.7)
  const measured = (run: Finished | undefined) => run!.json().map(line => ({ ...(line as object), seconds: 0 }))
  expect(measured(again)).toEqual(measured(one))
  expect(measured(other)).not.toEqual(measured(one))
})

test('every algorithm of the registry is measured by its name', async () => {
  const source = fileOf(freshFolder(), 'reads.csv', groups)
  const models = algorithms.flatMap(({ name }) => ['--model', name])
  const timed = [...columns, '--time', 'time']
  const asked = ['--train', source, '--split', 'random:0.2', ...timed, ...models, '--factors', '4', '--json']
  const { json, stderr } = await aurochs('evaluate', ...asked)
  expect(stderr).toBe('')
  const measured = json() as { model: string; metrics: Record<string, number> }[]
  expect(measured.map(({ model }) => model)).toEqual(algorithms.map(({ name }) => name))
  for (const { metrics } of measured) expect(Object.keys(metrics)).toEqual(['recall@20', 'ndcg@20'])
})

test('with --seen allow, what was seen may be listed and found again', async () => {
  const folder = freshFolder()
  const train = fileOf(folder, 'train.csv', ['ada:p', 'bo:p', 'bo:q', 'cy:p', 'cy:q', 'cy:r'])
  const test = fileOf(folder, 'test.csv', ['ada:p', 'bo:q', 'bo:r'])
  const asked = ['--train', train, '--test', test, ...columns, '--model', 'popular', '--metrics', 'recall@1']
  const seen = [['--seen', 'allow'], [], ['--seen', 'exclude']]
  const runs = await aurochsInTurn(...seen.map(args => ['evaluate', ...asked, ...args, ...oneThread, '--json']))
  expect(runs.map(({ stderr }) => stderr)).toEqual(['', '', ''])
  const [allowed, ...excluded] = runs.map(run => run.json()[0])
  // Everybody's list is p, q, r. Ada has p again; of bo's q and r neither comes first.
  expect(allowed).toMatchObject({
    test: { users: 2, pairs: 3, repeatedPairs: 2 },
    metrics: { 'recall@1': 1 / 2 },
  })
  // Without what was seen, there is only bo's r, whose list is r.
  for (const measured of excluded) {
    expect(measured).toMatchObject({
      test: { users: 1, pairs: 1, repeatedPairs: 2 },
      metrics: { 'recall@1': 1 },
    })
  }
})

test('last and time split by the time column', async () => {
  const source = fileOf(freshFolder(), 'reads.csv', ['ada:p', 'bo:q', 'cy:q', 'ada:q', 'bo:r', 'cy:r', 'dee:r'])
  const asked = ['--train', source, ...columns, '--time', 'time', '--model', 'popular', '--json']
  const splits = ['last:1', 'time:2019-01-05']
  const runs = await aurochsInTurn(...splits.map(split => ['evaluate', ...asked, '--split', split, ...oneThread]))
  expect(runs.map(({ stderr }) => stderr)).toEqual(['', ''])
  const [last, time] = runs.map(run => run.json()[0])
  expect(last).toMatchObject({
    train: { users: 4, items: 3, pairs: 4 },
    test: { users: 3, pairs: 3 },
  })
  // From the fifth day on: r by bo, cy and dee, which nobody had read before.
  expect(time).toMatchObject({
    train: { users: 3, items: 2, pairs: 4 },
    test: { users: 3, pairs: 3, unknownUsers: 1, unknownPairs: 3 },
    metrics: { 'recall@20': 0 },
  })
})

// Each of the 480 pairs is found once; a user comes into several folds and counts once. Of 12 users two of eight pairs each are to
// be found; the training has none of them, but something is given.
test.each([
  ['kfold:2', { train: { users: 60, pairs: 240 }, test: { users: 60, pairs: 480 }, folds: [{}, {}] }, '1-4'],
  ['one', { train: { users: 60, pairs: 420 }, test: { users: 60, pairs: 60 } }, '5-19'],
  ['users:0.2', { train: { users: 48, pairs: 384 }, test: { users: 12, pairs: 24, unknownUsers: 0 } }, '5-19'],
])('models are compared user by user, split by %s', async (split, expected, group) => {
  const source = fileOf(freshFolder(), 'reads.csv', groups)
  const asked = [
    'evaluate',
    '--train',
    source,
    ...columns,
    '--model',
    'popular',
    '--model',
    'neighbours',
    '--split',
    split,
  ]
  const measured = ['--metrics', 'recall@4,auc,novelty@4,diversity@4,coverage@4', '--compare', '--by-history']
  const { stderr, json } = await aurochs(...asked, ...measured, ...oneThread, '--json')
  expect(stderr).toBe('')
  const [popular, neighbours, comparison] = json() as ModelLine[]
  expect(popular).toMatchObject(expected)
  expect(comparison).toMatchObject({
    compared: { first: 'popular', second: 'neighbours' },
    users: popular!.test.users,
    metrics: { 'recall@4': { interval: [expect.any(Number), expect.any(Number)] } },
    groups: [{ group, users: popular!.test.users }],
  })
  // All users are of one group.
  expect(comparison!.groups[0]).toMatchObject({ metrics: comparison!.metrics })
  const { 'recall@4': recall } = comparison!.metrics as unknown as Record<string, Record<string, number>>
  expect(recall!.difference).toBeCloseTo(neighbours!.metrics['recall@4']! - popular!.metrics['recall@4']!, 12)
  expect(recall!.better! + recall!.equal! + recall!.worse!).toBeCloseTo(1, 12)
  expect(recall!.better).toBeGreaterThan(recall!.worse!)
  for (const { metrics, intervals, groups, spread } of [popular!, neighbours!]) {
    for (const name of ['recall@4', 'auc', 'novelty@4', 'diversity@4']) {
      expect(intervals[name]![0], name).toBeLessThanOrEqual(metrics[name]! + 1e-12)
      expect(intervals[name]![1], name).toBeGreaterThanOrEqual(metrics[name]! - 1e-12)
    }
    expect(intervals['coverage@4']).toBeUndefined()
    expect(groups.map(each => each.group)).toEqual([group])
    if (spread) expect(Object.keys(spread)).toEqual(Object.keys(metrics))
  }
})

test('people get the mean over folds, its interval and spread, and a table of each comparison', async () => {
  const source = fileOf(freshFolder(), 'reads.csv', groups)
  const asked = ['evaluate', '--train', source, ...columns, '--model', 'popular', '--model', 'neighbours']
  const { stderr, stdout } = await aurochs(
    ...[...asked, '--split', 'kfold:2', '--metrics', 'recall@4', '--compare', '--by-history', ...oneThread],
  )
  expect(stderr).toBe('')
  expect(stdout).toMatch(
    /^2 folds, each with about 60 users, 20 items and 240 pairs to learn from; 60 users judged by 480/,
  )
  expect(stdout).toMatch(/^ {2}between folds ± +0\.\d{5}$/m)
  expect(stdout).toMatch(/^ {2}known 1-4: 60 users +0\.\d{5}$/m)
  expect(stdout).toMatch(/^neighbours less popular, by 60 users: /m)
  expect(stdout).toMatch(/^recall@4 +\+0\.\d{5} +\+0\.\d{5} to \+0\.\d{5} +\d+\.\d % +\d+\.\d % +\d+\.\d %$/m)
})

interface ModelLine {
  readonly metrics: Record<string, number>
  readonly intervals: Record<string, [number, number]>
  readonly spread?: Record<string, number>
  readonly groups: { readonly group: string }[]
  readonly test: { readonly users: number }
}

test('saved models are compared by the users that both are judged by', async () => {
  const { folder, directory } = await smallModel()
  const test = fileOf(folder, 'test.csv', ['bo:10', 'ada:40', 'ada:41'])
  const asked = [
    'evaluate',
    '--model',
    directory,
    '--model',
    directory,
    '--test',
    test,
    ...columns,
    '--metrics',
    'recall@1',
  ]
  const { json, stderr } = await aurochs(...asked, '--compare', '--json', ...oneThread)
  expect(stderr).toBe('')
  expect(json()[2]).toEqual({
    compared: { first: directory, second: directory },
    judged: 'pairs',
    users: 2,
    metrics: { 'recall@1': { difference: 0, interval: [0, 0], better: 0, equal: 1, worse: 0 } },
  })
})

test('the help defines every metric', async () => {
  const { stdout } = await aurochs('evaluate', '--help')
  for (const name of metricNames) expect(stdout).toMatch(new RegExp(`^ {2}${name} {2,}\\S.+$`, 'm'))
})

test('a saved model is judged against a test, and people get a table', async () => {
  const { folder, directory } = await smallModel()
  // Bo's list is 10, 40; ada's 40.
  const test = fileOf(folder, 'test.csv', ['bo:10', 'ada:40', 'ada:41'])
  const asked = ['evaluate', '--model', directory, '--test', test, ...columns, '--metrics', 'recall@1,ndcg@2']
  const { stdout, stderr } = await aurochs(...asked, ...oneThread)
  expect(stderr).toBe('')
  const ideal = 1 + 1 / Math.log2(3)
  expect(stdout).toContain('2 users, 4 items and 5 pairs to learn from; 2 users judged by 3 held-out pairs')
  expect(stdout).toMatch(/^model +recall@1 +ndcg@2 /m)
  const row = `${directory} +0.75000 +${((1 + 1 / ideal) / 2).toFixed(5)} `
  expect(stdout).toMatch(new RegExp(`^${row}`, 'm'))
  expect(stdout).toMatch(/^ {2}95 % +0\.50000–1\.00000 +\d\.\d{5}–1\.00000$/m)
})

test('--record leaves the metrics in the model', async () => {
  const { folder, directory } = await smallModel()
  const test = fileOf(folder, 'test.csv', ['bo:10'])
  const asked = ['evaluate', '--model', directory, '--test', test, ...columns, '--metrics', 'hit@1', '--record']
  expect(await aurochs(...asked, ...oneThread)).toMatchObject({ status: 0, stderr: '' })
  expect(Artifact.open(directory).manifest.metrics).toEqual({ 'recall@20': 0.25, 'hit@1': 1 })
})

test('files are read by the options of import: both are, and only the training is cut', async () => {
  const folder = freshFolder()
  const [train, test] = [join(folder, 'train.dat'), join(folder, 'test.dat')]
  const rows = ['ada::p::1', 'bo::p::1', 'bo::q::1', 'cy::p::1', 'cy::q::1', 'cy::r::1', 'dee::z::1', 'bad', 'bo::q::x']
  writeFileSync(train, rows.join('\n'))
  writeFileSync(test, ['ada::q::2', 'bo::r::0', 'x'].join('\n'))
  const positions = ['--user', 'column0', '--item', 'column1', '--weight', 'column2']
  const reading = ['--delimiter', '::', '--bad-rows', 'skip', '--min-user', '2', '--min-item', '2', '--no-header']
  const asked = ['evaluate', '--train', train, '--test', test, ...positions, '--model', 'popular', ...oneThread]
  const [read, query, memory, missing] = await aurochsInTurn(
    [...asked, ...reading, '--json'],
    [...asked, '--delimiter', '::', '--bad-rows', 'skip', '--query', "from source where column1 != 'z'", '--json'],
    [...asked, '--memory', 'lots'],
    ['evaluate', '--train', train, '--test', test, '--model', 'popular', '--delimiter', '::'],
  )
  expect(read).toMatchObject({ status: 0, stderr: '' })
  expect(read!.json()).toMatchObject([{ train: { users: 2, items: 2, pairs: 4 }, test: { users: 1, unknownUsers: 1 } }])
  expect(query!.json()).toMatchObject([{ train: { users: 3, items: 3, pairs: 6 }, test: { users: 1 } }])
  expect(memory).toMatchObject({ status: 2, stderr: 'aurochs: --memory must be a size such as 2GiB, got lots\n' })
  expect(missing!.stderr).toBe(
    `aurochs: --user and --item must name the columns of ids in ${test}, which has "column0", "column1", "column2"\n`,
  )
})

test('the next item of each event is predicted by what came before, and views of the events are told apart', async () => {
  const folder = freshFolder()
  const source = join(folder, 'plays.csv')
  // A play every minute of ten days, by four users in turn, each of whom goes round p, q, r, s.
  const play = (at: number) => {
    const time = new Date(Date.UTC(2019, 0, 1 + Math.floor(at / 40), 0, at % 40)).toISOString()
    return `u${at % 4},${'pqrs'[Math.floor(at / 4) % 4]},${time}`
  }
  writeFileSync(source, `user,item,time\n${Array.from({ length: 400 }, (_, at) => play(at)).join('\n')}\n`)
  const timed = [...columns, '--time', 'time']
  const asked = ['evaluate', '--train', source, '--split', 'time:2019-01-10', '--next', '--seen', 'allow', ...timed]
  const models = ['--model', 'transitions', '--model', 'popular', '--metrics', 'hit@1,mrr@4', ...oneThread]
  const [found, shown, pairs] = await aurochsInTurn(
    [...asked, ...models, '--backward', '0', '--json'],
    [...asked, ...models, '--by-history', '--compare'],
    ['evaluate', '--train', source, '--test', source, '--next', ...columns, '--model', 'popular', ...oneThread],
  )
  expect(found!.json()).toMatchObject([
    { test: { judged: 'events', users: 4, pairs: 40, unknownPairs: 0 }, metrics: { 'hit@1': 1 } },
    { metrics: { 'hit@1': 0.2 } },
  ])
  expect(shown!.stdout).toContain('4 users judged by 40 held-out events')
  expect(shown!.stdout).toContain('first of a session: 4 events of 4 users')
  expect(shown!.stdout).toContain('later in a session: 36 events of 4 users')
  const [, comparison] = shown!.stdout.split('popular less transitions, by 4 users')
  expect(comparison).toMatch(/^ {2}first of a session: 4 events of 4 users *\nhit@1 +-\d\.\d{5} /m)
  expect(comparison).toMatch(/^ {2}later in a session: 36 events of 4 users *\nhit@1 +-\d\.\d{5} /m)
  expect(pairs).toMatchObject({ status: 2, stderr: expect.stringContaining('--next needs the times of events') })
})

test('contradictions are answered before anything is read', async () => {
  const { directory } = await smallModel()
  const files = ['--train', 'x.csv', '--test', 'y.csv']
  const names = algorithms.map(({ name }) => name).join(', ')
  const contradictions: [args: string[], answer: string][] = [
    [['--model', 'no', ...files], `--model must be ${names} or the directory of a model, got no: nothing is there`],
    [['--model', 'als', ...files, '--record'], '--record needs saved models only'],
    [['--model', 'als', '--train', 'x'], 'what is held out must be named: by --test, or by --split'],
    [['--model', 'als', '--test', 'x'], `${names} learn from --train: add it, or give the directory of a model`],
    [['--model', 'als', ...files, '--split', 'last:1'], 'leave --test out'],
    [['--model', directory, '--train', 'x', '--split', 'last:1'], 'pairs that it may have learned from'],
    [['--model', 'als', '--train', 'x', '--split', 'half'], '--split must be random:SHARE'],
    [['--model', 'als', ...files, '--metrics', 'auc@2'], '--metrics must be like recall@20'],
    [['--model', 'als', ...files, '--compare'], '--compare needs two models or more, got only als: add --model'],
    [
      ['--model', 'als', '--model', 'popular', ...files, '--compare', '--metrics', 'coverage@3'],
      '--compare needs a metric that each user has a value of, got only coverage',
    ],
    [['--model', 'als', ...files, '--factors', '0'], '--factors must be a whole number from 1 to 1024, got 0'],
    [['--model', 'als', ...files, '--seen', 'maybe'], '--seen must be allow or exclude, got maybe'],
    [
      ['--model', 'popular', ...files, '--factors', '8'],
      '--factors is an option of als, autoencoder, bpr, graph-filter, word2vec, not of popular: leave it out, or train one of these',
    ],
    [
      ['--model', directory, '--test', 'y.csv', '--factors', '8'],
      '--factors is an option of als, autoencoder, bpr, graph-filter, word2vec, not of a saved model: leave it out, or train one of these',
    ],
    [['--model', 'als', '--train', 'x', '--split', 'last:1', '--next'], '--split must be time:DATE, got last:1'],
    [['--model', 'als', ...files, '--next', '--metrics', 'auc'], 'metrics of next items must be of recall'],
    [['--model', 'als', ...files], '--user and --item must name the columns'],
  ]
  const answers = await aurochsInTurn(...contradictions.map(([args]) => ['evaluate', ...args]))
  for (const [at, { status, stdout, stderr }] of answers.entries()) {
    const answer = expect.stringContaining(contradictions[at]![1])
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: answer })
  }
})

test('a test of which the model knows neither users nor items is refused: its ids are others', async () => {
  const folder = freshFolder()
  const [train, other] = ['train.csv', 'other.csv'].map(name => join(folder, name)) as [string, string]
  writeFileSync(train, 'user,item\na,x\nb,x\nb,y\n')
  writeFileSync(other, 'user,item\n1,10\n2,20\n')
  const columns = ['--user', 'user', '--item', 'item']
  const { status, stderr } = await aurochs(
    'evaluate',
    '--train',
    train,
    '--test',
    other,
    ...columns,
    '--model',
    'popular',
  )
  expect([status, stderr]).toEqual([
    2,
    'aurochs: popular knows neither users nor items of the test: its ids are strings like x, and the test has ids like 10\n',
  ])
})
