import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { freshFolder } from '../storage/folder.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Two groups of users who each read most of their own group's eight articles, and none of the other's. */
const reads = ['user,item']
for (let user = 0; user < 40; user++) {
  for (let item = 0; item < 8; item++) {
    if ((user + item) % 4 !== 0) reads.push(`u${user},${user % 2 ? 'even' : 'odd'}-${item}`)
  }
}

const program = `
import { alsOptions, importDataset, Model, Dataset, Pool, saveModel, TopKIndex, trainAls } from 'aurochs'

await importDataset({ sources: ['reads.csv'], user: 'user', item: 'item', out: 'data' })
const dataset = Dataset.open('data')
const pool = new Pool({ threads: 2 })
const options = alsOptions.parse({ factors: 4, epochs: 5 })
const { users, items, spectrum, epochs, loss } = await trainAls(dataset, options, { pool })
await pool.close()
await saveModel('model', { kind: 'als', rank: 4, users, items, spectrum, options, dataset, epochs, loss })
const model = Model.open('model')
const row = model.users.indexOf('u3')
const index = TopKIndex.build(model.itemFactors, model.rank)
const found = index.search(model.userFactors.subarray(row * 4, row * 4 + 4), { limit: 8 })
console.log(JSON.stringify([...found.items].map(item => model.items.at(item))))
`

test('the packed package installs in an empty folder, and its command and its library work there', {
  timeout: 300_000,
}, () => {
  const folder = freshFolder()
  const run = (command: string, args: string[], cwd = folder) =>
    execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

  run('npm', ['pack', '--pack-destination', folder], root)
  const tarball = readdirSync(folder).find(name => name.endsWith('.tgz'))!
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }')
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`])

  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  expect(run('npx', ['aurochs', '--version'])).toBe(`${version}\n`)

  writeFileSync(join(folder, 'reads.csv'), reads.join('\n'))
  writeFileSync(join(folder, 'program.js'), program)
  const best: string[] = JSON.parse(run(process.execPath, ['program.js']))
  expect([...best].sort()).toEqual(Array.from({ length: 8 }, (_, item) => `even-${item}`))

  const asked = ['recommend', 'model', '--user', 'u3', '--limit', '2', '--json']
  const { items } = JSON.parse(run('npx', ['aurochs', ...asked]))
  // (3 + item) % 4 = 0 for items 1 and 5: those u3 has not read.
  expect(items.map(({ item }: { item: string }) => item).sort()).toEqual(['even-1', 'even-5'])
})
