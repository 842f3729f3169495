import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Command } from 'commander'
import { expect, test } from 'vitest'
import type { Register } from '../../src/cli/command.ts'
import type { Algorithm } from '../../src/models/algorithm.ts'
import { algorithms } from '../../src/models/registry.ts'
import { aurochsInTurn } from './aurochs.ts'

const names = algorithms.map(({ name }) => name)
const whole = (least: number, most: number) => `a whole number from ${least} to ${most}`
const column = { '': 'the name of a column' }
const threads = { x: whole(1, 1024), 0: whole(1, 1024), 1.5: whole(1, 1024), '': whole(1, 1024) }
const directory = { '': 'a directory' }
const interval = 'a time from 1s to 24d, as 1h'
const time = 'a time such as 30s, 15m, 1h or 90d'
const rpc = { x: 'an address such as unix:/run/aurochs.sock or 127.0.0.1:9000', '': 'an address such as unix:' }
const sum = "models joined by +, as 'als(factors=128) + 0.5 * graph-filter'"
const training = {
  factors: { 0: whole(1, 1024), many: whole(1, 1024), '': whole(1, 1024) },
  batch: { 0: whole(1, 65_536) },
  decay: { '-1': 'a number from 0 to 1000' },
  corruption: { 1: 'a number from 0 to 0.99' },
  'corruption-spread': { 2: 'a number from 0 to 1' },
  refinement: { '-1': 'a number from 0 to 100' },
  networks: { 0: 'a whole number from 1 to 64' },
  'items-only': { 2: 'a number from 0 to 1' },
  'tags-only': { '-1': 'a number from 0 to 1' },
  'tag-weight': { '-1': 'a number from 0 to 1000' },
  'length-exponent': { 2: 'a number from 0 to 1' },
  targets: { none: 'all or hidden' },
  softmax: { none: 'one of auto, full, sampled' },
  samples: { 0: whole(1, 10_000_000) },
  epochs: { '-1': whole(0, 100_000) },
  regularization: { '-1': 'a number from 0 to 1000000000' },
  'frequency-exponent': { 2: 'a number from 0 to 1' },
  'unobserved-weight': { x: 'a number from 0 to 1000000000' },
  alpha: { 0: 'a number above 0 to 1000000000', Infinity: 'a number above 0 to 1000000000' },
  confidence: { high: 'one of ials, implicit, hu' },
  solver: { fast: 'auto or exact' },
  steps: { 0: whole(1, 1000) },
  'initial-deviation': { 0: 'a number above 0 to 100' },
  seed: { '-1': whole(0, 0xffff_ffff) },
  instructions: { sse: 'one of avx512vnni, avx512, avx2, neon, plain' },
  variant: { thin: 'dense or sparse' },
  candidates: { 0: whole(1, 2000) },
  entries: { 0: whole(1, 10_000_000) },
  neighbours: { 0: whole(1, 10_000) },
  similarity: { x: 'one of cosine, tfidf, bm25, jaccard, asymmetric, rp3beta' },
  by: { x: 'items or users' },
  locality: { 0: 'a number from 0.01 to 100' },
  'similarity-k1': { 0: 'a number above 0 to 1000000000' },
  'similarity-b': { 2: 'a number from 0 to 1' },
  asymmetry: { '-1': 'a number from 0 to 1' },
  'rp3-alpha': { '-1': 'a number from 0 to 10' },
  'rp3-beta': { 11: 'a number from 0 to 10' },
  'half-life': { 0: 'a number above 0 to 1000000' },
  weighting: { x: 'one of none, weight, log, tfidf, bm25' },
  'kind-weights': {
    view: 'names, each with a number above 0 to 1000000000',
    'view=0': 'names, each with a number above 0',
  },
  'weighting-k1': { 0: 'a number above 0 to 1000000000' },
  'weighting-b': { 2: 'a number from 0 to 1' },
  shrinkage: { '-1': 'a number from 0 to 1000000000' },
  filter: { low: 'one of gf-cf, turbo-cf, bspm' },
  'low-pass-weight': { '-1': 'a number from 0 to 1000' },
  'user-exponent': { 2: 'a number from 0 to 1' },
  'item-exponent': { 2: 'a number from 0 to 1' },
  'filter-order': { 4: whole(1, 3) },
  'blurring-time': { '-1': 'a number from 0 to 10' },
  'blurring-steps': { 0: whole(1, 4) },
  'sharpening-time': { '-1': 'a number from 0 to 10' },
  'sharpening-steps': { 5: whole(1, 4) },
  'sharpening-solver': { exact: 'euler or rk4' },
  'low-pass-merge': { never: 'early or late' },
  'power-iterations': { 0: whole(1, 100) },
  window: { 0: whole(1, 1000) },
  negatives: { '-1': whole(0, 1000) },
  'negative-exponent': { 3: 'a number from -2 to 2' },
  subsampling: { 2: 'a number from 0 to 1' },
  'learning-rate': { 0: 'a number above 0 to 1' },
  'popularity-exponent': { 2: 'a number from 0 to 1' },
  biases: { some: 'item or none' },
  'user-vectors': { both: 'folded or trained' },
  'min-count': { 0: whole(1, 1_000_000) },
  'session-gap': { '-1': 'a number from 0 to 1000000000' },
  ranking: { x: 'inputs or outputs' },
  'popularity-weight': { '-1': 'a number from 0 to 10' },
  'recent-items': { 0: whole(1, 10_000) },
  'recency-decay': { 2: 'a number above 0 to 1' },
  'earlier-sessions': { 2: 'a number from 0 to 1' },
  'session-half-life': { 0: 'a number above 0 to 1000000' },
  'gap-decay': { 0: 'a number above 0 to 1' },
  backward: { 2: 'a number from 0 to 1' },
  'second-step': { 2: 'a number from 0 to 1' },
  'middle-items': { 0: whole(1, 10_000) },
  'popularity-damping': { 2: 'a number from 0 to 1' },
  sessions: { 0: whole(1, 100_000) },
  'sessions-of-item': { 0: whole(1, 1_000_000) },
  'length-norm': { 2: 'a number from 0 to 1' },
  parts: { x: sum, '': sum, 'als(factors=0)': sum, 'blend + als': sum },
  'second-weight': { 0: 'a number from 0.001 to 1000' },
  depth: { 19: whole(20, 10_000) },
  'prior-steps': { 0: 'a number above 0 to 1000000000' },
  'half-life-hours': { 0: 'a number above 0 to 1000000000' },
  gate: { open: 'moment or fixed' },
  'gate-share': { 0: 'a number from 0.001 to 0.5' },
  'gate-events': { 99: whole(100, 1_000_000) },
  consistency: { 2: 'a number from 0 to 1' },
  dropout: { 1: 'a number from 0 to 0.99' },
  'most-own': { 2: 'a number from 0 to 1' },
  'past-decay': { 0: 'a number above 0 to 1' },
  'future-decay': { 0: 'a number above 0 to 1' },
  'session-items': { 1: whole(2, 10_000) },
  normalisation: { x: 'one of norm, z-score, rank' },
}

const reading = {
  user: column,
  item: column,
  weight: column,
  time: column,
  'time-unit': { x: 'one of auto, s, ms, us, ns' },
  query: { '': 'SQL' },
  duplicates: { x: 'one of sum, last, max, count' },
  'min-user': { 0: whole(1, 999_999_999) },
  'min-item': { x: whole(1, 999_999_999) },
  format: { xlsx: 'one of csv, json, parquet, npz, matrix-market, adjacency, movielens' },
  delimiter: { '': '1 to 4 bytes', abcde: '1 to 4 bytes' },
  'bad-rows': { x: 'refuse or skip' },
  memory: { lots: 'a size such as 2GiB' },
}

/** Of each command: what comes before the option, and for each option wrong values with what is expected instead. */
const commands: Readonly<
  Record<string, { before: readonly string[]; options: Readonly<Record<string, Readonly<Record<string, string>>>> }>
> = {
  import: {
    before: ['no.csv', '--user', 'u', '--item', 'i', '--out', 'no-dataset', '--time', 't'],
    options: {
      ...reading,
      kind: column,
      out: { '': 'the directory of the dataset' },
      tags: { '': 'a file of tags' },
      tag: column,
      'min-tag': { 0: whole(1, 999_999_999) },
      threads,
    },
  },
  train: {
    before: ['no-dataset', '--out', 'no-model'],
    options: {
      out: { '': 'a directory' },
      model: { svd: `one of ${names.join(', ')}`, '': `one of ${names.join(', ')}` },
      threads,
      'checkpoint-seconds': { soon: whole(0, 1_000_000_000) },
      'from-tune': directory,
      ...training,
    },
  },
  tune: {
    before: ['no-dataset', '--out', 'no-search'],
    options: {
      out: directory,
      model: { svd: `of ${names.join(', ')}, by commas`, '': `of ${names.join(', ')}, by commas` },
      budget: { soon: 'a time such as 30s, 30m or 2h', '0s': 'a time such as', '': 'a time such as' },
      metric: { 'recall@0': 'one like ndcg@20', 'ndcg@5,ndcg@9': 'one like ndcg@20', '': 'one like ndcg@20' },
      users: { 0: whole(1, 1_000_000_000) },
      'search-seed': { x: whole(0, 0xffff_ffff) },
      share: { 1: 'a share between 0 and 1', half: 'a share between 0 and 1' },
      threads,
      ...training,
    },
  },
  evaluate: {
    before: [...names.flatMap(name => ['--model', name]), '--train', 'no.csv', '--test', 'no.csv'],
    options: {
      train: { '': 'a dataset, file or glob' },
      test: { '': 'a dataset, file or glob' },
      split: {
        half: 'random:SHARE with a share',
        'last:0': 'random:SHARE with a share',
        'kfold:1': 'random:SHARE with a share between 0 and 1, kfold:FOLDS with 2 to 100, one, users:SHARE',
        'one:2': 'random:SHARE with a share',
        'users:0.1:1': 'random:SHARE with a share',
        '': 'random:SHARE with a share',
      },
      ...reading,
      model: { svd: `${names.join(', ')} or the directory of a model`, '': `${names.join(', ')} or the directory` },
      metrics: {
        'auc@3': 'like recall@20,ndcg@10, of recall,',
        'recall@0': 'like recall@20',
        'diversity@101': 'like recall@20',
        '': 'like recall@20',
      },
      seen: { maybe: 'allow or exclude' },
      'split-seed': { x: whole(0, 0xffff_ffff) },
      'session-minutes': { 0: whole(1, 10_000_000) },
      resamples: { 99: whole(100, 1_000_000), many: whole(100, 1_000_000) },
      'auc-negatives': { 0: whole(1, 999_999_999) },
      'sample-seed': { '-1': whole(0, 0xffff_ffff) },
      threads,
      ...training,
    },
  },
  demo: {
    before: [],
    options: {
      ...reading,
      model: { svd: `one of ${names.join(', ')}` },
      out: { '': 'a directory' },
      port: { http: whole(0, 65_535), 65536: whole(0, 65_535) },
      threads,
      ...training,
    },
  },
  recommend: {
    before: ['no-model', 'ada'],
    options: {
      limit: { 0: whole(1, 10_000), 10001: whole(1, 10_000) },
      seen: { maybe: 'allow or exclude' },
      unknown: { x: 'popularity or error' },
      out: directory,
      threads,
    },
  },
  similar: {
    before: ['no-model', '1'],
    options: { limit: { x: whole(1, 10_000) }, measure: { x: 'one of cosine, shrunk-cosine, neighbours' } },
  },
  serve: {
    before: ['no-model', '--state', 'no-state'],
    options: {
      port: { x: whole(0, 65_535) },
      host: { '': 'a name or an address of this machine' },
      state: { '': 'a directory' },
      rpc,
      cors: { 'example.org': 'an origin such as https://example.org, or *', '': 'an origin such as' },
      'allow-host': {
        'example.org:80': 'a name or an address without a port, or *',
        'http://example.org': 'a name or an address',
        '': 'a name or an address',
      },
      'tls-cert': { '': 'a file' },
      'tls-key': { '': 'a file' },
      threads,
      since: {
        yesterday: 'a date or a time such as 2024-05-31T18:30:00Z',
        '2024-02-30': 'a date or a time',
        '': 'a date',
      },
      retrain: { soon: interval, 1: interval, '': interval, '0s': interval, '25d': interval },
      dataset: directory,
      keep: { '90': time },
      'keep-ids': { ever: time },
      watch: { '': 'the directory of a model' },
      push: { '': 'a file' },
      music: { '': 'the directory of a song space' },
      audio: directory,
      'history-limit': { 0: whole(1, 1_000_000) },
      'impression-decay': { 0: 'a number above 0 and at most 1' },
      'impression-half-life': { 5: 'a time of 1s or more, as 1d' },
      'max-connections': { 0: whole(1, 1_000_000) },
      rate: { '-1': whole(0, 1_000_000_000) },
      'send-memory': { 0: whole(1, 1_000_000) },
      'idle-timeout': { 7: whole(8, 960), x: whole(8, 960) },
      'log-level': { loud: 'one of silent, error, warn, info, debug' },
    },
  },
  call: {
    before: ['127.0.0.1:1', 'ping'],
    options: { key: { '': 'a key or a token' }, timeout: { 0: whole(1, 3_600_000) } },
  },
  retrain: {
    before: ['no-dataset', '--state', 'no-state', '--out', 'no-out'],
    options: {
      state: directory,
      out: directory,
      train: { '': 'the directory of a model' },
      epochs: { '-1': whole(0, 100_000) },
      threads,
      since: { yesterday: 'a date or a time such as 2024-05-31T18:30:00Z' },
      swap: rpc,
    },
  },
  rollback: { before: ['no-model'], options: { swap: rpc } },
  forget: { before: ['ann'], options: { state: directory, rpc } },
  compact: {
    before: ['no-dataset', '--state', 'no-state'],
    options: { state: directory, keep: { '90': time }, 'keep-ids': { '-1d': time } },
  },
  backup: { before: ['--state', 'no-state', '--out', 'no-out'], options: { state: directory, out: directory } },
  words: {
    before: ['no.txt', '--out', 'no-words'],
    options: {
      out: directory,
      threads,
      'checkpoint-seconds': { soon: whole(0, 1_000_000_000) },
      factors: { 0: whole(1, 1024) },
      epochs: { '-1': whole(0, 100_000) },
      window: { 0: whole(1, 1000) },
      negatives: { '-1': whole(0, 1000) },
      'negative-exponent': { 3: 'a number from -2 to 2' },
      subsampling: { 2: 'a number from 0 to 1' },
      'learning-rate': { 0: 'a number above 0 to 100' },
      'min-count': { 0: whole(1, 1_000_000_000) },
      subwords: { x: 'one of none, characters, jamo' },
      'min-gram': { 0: whole(1, 20) },
      'max-gram': { 21: whole(1, 20) },
      buckets: { 0: whole(1, 2 ** 30) },
      instructions: { x: 'one of avx512vnni, avx512, avx2, neon, plain' },
      seed: { '-1': whole(0, 0xffff_ffff) },
    },
  },
  'nearest-words': { before: ['no-words', 'word'], options: { limit: { x: whole(1, 10_000) } } },
  'export-events': {
    before: ['--state', 'no-state', '--out', 'no.ndjson'],
    options: {
      state: directory,
      out: { 'events.csv': 'a file that ends in .parquet or .ndjson, or -' },
      after: { x: whole(0, Number.MAX_SAFE_INTEGER) },
    },
  },
  'import-factors': {
    before: ['no.npz', '--out', 'no-model'],
    options: {
      out: directory,
      dataset: directory,
      'user-ids': { '': 'a file' },
      'item-ids': { '': 'a file' },
      model: { svd: 'als or bpr', ease: 'als or bpr' },
      threads,
      ...Object.fromEntries(Object.entries(training).filter(([option]) => ownerOf(option, 'import-factors'))),
    },
  },
  'export-factors': {
    before: ['no-model', '--out', 'no-factors'],
    options: { out: directory, format: { csv: 'one of npy, safetensors, parquet, faiss, fbin' } },
  },
}

const cli = join(import.meta.dirname, '../../src/cli')
// The commands of `push` and `music` have tests of their own.
const files = globSync('*/*.ts', { cwd: cli }).filter(file => !/^(?:push|music)/.test(file))
const modules = new Map(files.map(file => [basename(file, '.ts'), file]))

test.each(Object.entries(commands))('every option of `%s` says what it must be', async (name, { before, options }) => {
  const { register } = (await import(join(cli, modules.get(name)!))) as { register: Register }
  const program = new Command()
  register(program)
  const taken = program.commands[0]!.options.filter(option => option.required && !option.hidden)
  expect(taken.map(option => option.long!.slice(2)).sort()).toEqual(Object.keys(options).sort())

  const wrong = Object.entries(options).flatMap(([option, values]) =>
    Object.entries(values).map(([value, expected]) => ({ option, value, expected })),
  )
  const runs = await aurochsInTurn(
    // What is given later counts, and where there may be several, the first that is wrong.
    ...wrong.map(({ option, value }) => [name, ...given(name, before, option), `--${option}=${value}`]),
  )
  for (const [at, { status, stdout, stderr }] of runs.entries()) {
    const { option, value, expected } = wrong[at]!
    const got = value === '' ? 'nothing' : value
    expect({ status, stdout }, stderr).toEqual({ status: 2, stdout: '' })
    expect(stderr.slice(0, -1)).toSatisfy((line: string) => !line.includes('\n'), 'is one line')
    expect(stderr).toContain(`aurochs: --${option} must be ${expected}`)
    expect(stderr).toContain(`, got ${got}`)
  }
})

/** `before`, as `option` needs it. */
function given(command: string, before: readonly string[], option: string): readonly string[] {
  // A part that is split off and a test are one too many.
  if (option === 'split') return before.slice(0, before.indexOf('--test'))
  const owner = ownerOf(option, command)
  return owner && !['evaluate', 'retrain', 'words'].includes(command) ? [...before, '--model', owner.name] : before
}

/** An algorithm that has an option, of those that a command knows. */
function ownerOf(option: string, command: string): Algorithm | undefined {
  const key = option.replace(/-[a-z]/g, letter => letter[1]!.toUpperCase())
  return algorithms.find(
    ({ options, fromFactors }) => key in options.shape && (fromFactors || command !== 'import-factors'),
  )
}
