import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'

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

test('the packed package installs in an empty folder, and its command, its library and its types work there', {
  timeout: 600_000,
}, () => {
  const folder = freshFolder()
  const run = (command: string, args: string[], cwd = folder) =>
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

  run('npm', ['pack', '--pack-destination', folder], root)
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'))!
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`])

  const { version, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(run('npx', ['aurochs', '--version'])).toBe(`${version}\n`)
  expect(Object.keys(exports)).toEqual(['.', './client', './rpc'])

  writeFileSync(join(folder, 'reads.csv'), reads.join('\n'))
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src', 'program.ts'), program)
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...options, rootDir: 'src', outDir: 'out' }, include: ['src'] }),
  )
  // The declarations of the package are checked, too: skipLibCheck is off.
  expect(compile(folder)).toBe('')
  const printed = JSON.parse(run(process.execPath, ['out/program.js']))
  // (3 + item) % 4 = 0 for items 1 and 5: those that u3 does not have.
  const unread = ['even-1', 'even-5']
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

/** Compiles the project in `folder`; gives what is wrong with it. */
function compile(folder: string): string {
  try {
    return execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { cwd: folder, encoding: 'utf8' })
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}
