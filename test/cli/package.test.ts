import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Two groups of users who each have most of their own group's eight articles, and none of the other's. */
const reads = ['user,item']
for (let user = 0; user < 40; user++) {
  for (let item = 0; item < 8; item++) {
    if ((user + item) % 4 !== 0) reads.push(`u${user},${user % 2 ? 'even' : 'odd'}-${item}`)
  }
}

/** What a user of the library writes: everything of all three entries in strict TypeScript. */
const program = `
import {
  algorithmNamed, Dataset, evaluate, heldOut, importDataset, ModelPool, noEvents, OpenModel, parseMetrics, Pool,
  type Ranking, Recommender, serve, trainModel, type UserList,
} from 'aurochs'
import { Client } from 'aurochs/client'
import { type Results, RpcClient } from 'aurochs/rpc'

await importDataset({ sources: ['reads.csv'], user: 'user', item: 'item', out: 'data' })
const dataset: Dataset = Dataset.open('data')
const pool = new Pool({ threads: 2 })
const { complete } = await trainModel(dataset, 'model', algorithmNamed('als'), { factors: 4, epochs: 5 }, { pool })
await pool.close()

const model = OpenModel.open('model')
const { users, items } = model.artifact
const [ranking]: Ranking[] = model.rank([
  { user: users.indexOf('u3'), recent: noEvents, seen: 'allow', limit: 8, exclude: new Uint32Array(0) },
])
const best: string[] = Array.from(ranking?.items ?? [], row => String(items.at(row)))

const models = await ModelPool.open('model', { threads: 1 })
const held = heldOut(dataset, { byUser: dataset.byUser, users: dataset.users, items: dataset.items }, 'allow')
const { metrics } = await evaluate(models, held, parseMetrics('hit@8'))
await models.close()

const recommender = await Recommender.open({ model: 'model', threads: 1 })
const direct: UserList = await recommender.recommend({ user: 'u3', limit: 2, seen: 'exclude', exclude: [] })
await recommender.close()

const server = await serve({ model: 'model', state: 'state', port: 0, rpc: '127.0.0.1:0', threads: 1 })
const client = new Client(server.url)
await client.send({ user: 'ann', item: 'odd-1' })
let streamed: unknown[] = []
for await (const list of client.recommendations('ann', { limit: 3 })) {
  streamed = list.items.map(({ item }) => item)
  break
}
client.close()
const rpc = await RpcClient.connect(server.rpc!)
const called: Results['recommend'] = await rpc.call('recommend', { user: 'ann', limit: 3 })
rpc.close()
await server.close()

console.log(JSON.stringify({
  complete,
  best,
  hit: metrics['hit@8'],
  direct: direct.items.map(({ item }) => item),
  streamed,
  called: called.items.map(({ item }) => item),
}))
`

const options = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable', 'dom', 'dom.asynciterable'],
  module: 'nodenext',
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
}

/** What is asked of the oldest compiler: its own libraries and declarations of packages are checked, too. */
const oldest = {
  strict: true,
  skipLibCheck: false,
  target: 'es2022',
  lib: ['es2023', 'dom'],
  module: 'nodenext',
  noEmit: true,
}

/** What runs on any Node that package.json allows: all but serving, and before Node 22.13 but for a state. */
const anyNode = `
import { als, Dataset, evaluate, heldOut, importDataset, ModelPool, parseMetrics, Pool, Recommender, serve, trainModel } from 'aurochs'

const [version] = process.versions.node.split('.')
const [data, model, state] = ['data', 'model', 'state'].map(name => name + version)
await importDataset({ sources: ['reads.csv'], user: 'user', item: 'item', out: data })
const dataset = Dataset.open(data)
const pool = new Pool({ threads: 2 })
await trainModel(dataset, model, als, { factors: 4, epochs: 5 }, { pool })
const models = await ModelPool.open(model, { pool })
const { metrics } = await evaluate(models, heldOut(dataset, dataset, 'allow'), parseMetrics('hit@8'))
await models.close()
await pool.close()
dataset.close()
const recommender = await Recommender.open({ model, threads: 1 })
const { items } = await recommender.recommend({ user: 'u3', limit: 2, seen: 'exclude', exclude: [] })
await recommender.close()
const refusals = await Promise.all([
  Recommender.open({ model, state }).then(opened => opened.close(), error => error.message),
  serve({ model, state: state + 'served', port: 0 }).then(server => server.close(), error => error.message),
])
console.log(JSON.stringify({ hit: metrics['hit@8'], items: items.map(({ item }) => item), refusals }))
`

let folder: string
const run = (command: string, args: string[], cwd = folder) =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'aurochs-package-'))
  run('npm', ['pack', '--pack-destination', folder], root)
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'))!
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`, 'typescript@5.6'])
  writeFileSync(join(folder, 'reads.csv'), reads.join('\n'))
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('the packed package installs in an empty folder, and its command, its library and its types work there', {
  timeout: 600_000,
}, () => {
  const { version, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(run('npx', ['aurochs', '--version'])).toBe(`${version}\n`)
  expect(Object.keys(exports)).toEqual(['.', './client', './rpc'])

  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src', 'program.ts'), program)
  const compilerOptions = { ...options, rootDir: 'src', outDir: 'out' }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['src'] }))
  // The declarations of the package are checked, too: skipLibCheck is off.
  expect(compile(folder)).toBe('')
  const printed = JSON.parse(run(process.execPath, ['out/program.js']))
  expect(printed).toMatchObject({ complete: true, hit: 1 })
  expect(printed.best.toSorted()).toEqual(Array.from({ length: 8 }, (_, item) => `even-${item}`))
  expect(printed.direct.toSorted()).toEqual(unread)
  expect(printed.streamed).toHaveLength(3)
  expect(printed.streamed.filter((item: string) => !item.startsWith('odd-'))).toEqual([])
  expect(printed.called).toEqual(printed.streamed)

  const asked = ['recommend', 'model', 'u3', '--limit', '2', '--json']
  const { items } = JSON.parse(run('node_modules/.bin/aurochs', asked))
  expect(items.map(({ item }: { item: string }) => item).sort()).toEqual(unread)
})

test('TypeScript 5.6 reads the types of all entries, and those of the client without any of Node', {
  timeout: 600_000,
}, () => {
  const compiler = join(folder, 'node_modules/.bin/tsc')
  const project = (name: string, text: string, more: object) => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'program.ts'), text)
    writeFileSync(join(folder, name, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...oldest, ...more } }))
    return join(folder, name)
  }
  expect(run(compiler, ['--version'])).toMatch(/^Version 5\.6\./)
  expect(compile(project('oldest', program, {}), compiler)).toBe('')
  const browser = `
import { Client, type UserList } from 'aurochs/client'

const client = new Client(location.origin)
const lists: UserList[] = []
for await (const list of client.recommendations('ann', { limit: 3 })) lists.push(list)
await client.send({ user: 'ann', item: 'odd-1' })
client.close()
`
  expect(compile(project('browser', browser, { types: [] }), compiler)).toBe('')
})

test.each([
  ['20.13.0', 'events are kept by node:sqlite, which Node has from 22.13 on, and this is v20.13.0'],
  ['24', 'serving needs the socket library uWebSockets.js, which has binaries for Node 22 and 23, and this is v24.'],
])('all but serving works on Node %s, and what does not says so', { timeout: 600_000 }, (version, refusal) => {
  const node = run('npx', ['--yes', `--package=node@${version}`, '--', 'node', '--print', 'process.execPath']).trim()
  expect(run(node, ['--version'])).toMatch(new RegExp(`^v${version}`))
  writeFileSync(join(folder, 'any-node.js'), anyNode)
  const { hit, items, refusals } = JSON.parse(run(node, ['any-node.js']))
  expect(hit).toBe(1)
  expect(items.toSorted()).toEqual(unread)
  const [opening, serving] = refusals
  expect(opening).toEqual(version === '20.13.0' ? expect.stringContaining(refusal) : null)
  expect(serving).toContain(refusal)

  const aurochs = (...args: string[]) => run(node, ['node_modules/aurochs/dist/cli/main.js', ...args])
  const [data, model] = [`data-${version}`, `model-${version}`]
  const columns = ['--user', 'user', '--item', 'item']
  aurochs('import', 'reads.csv', ...columns, '--out', data)
  aurochs('train', data, '--out', model, '--factors', '4', '--epochs', '5')
  expect(aurochs('evaluate', '--train', data, '--split', 'random:0.1', '--model', 'popular')).toContain('recall@20')
  const list = JSON.parse(aurochs('recommend', model, 'u3', '--limit', '2', '--json'))
  expect(list.items.map(({ item }: { item: string }) => item).sort()).toEqual(unread)
  for (const command of [['serve', model, '--state', 'new-state'], ['demo']]) {
    expect(() => aurochs(...command)).toThrow(refusal)
  }
})

/** The items that u3 does not have of its group's: (3 + item) % 4 = 0. */
const unread = ['even-1', 'even-5']

/** Compiles the project in `folder`; gives what is wrong with it. */
function compile(folder: string, compiler = join(root, 'node_modules/.bin/tsc')): string {
  try {
    return execFileSync(compiler, ['-p', folder, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' })
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
