// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the strings are programs
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { structureViolations } from '../../.ci/structure.ts'
import { withoutComments } from '../../.ci/without-comments.ts'
import { freshFolder } from '../storage/folder.ts'

/** A tree with the algorithms `als` and `context-taste`, and with `files` by their paths below src. */
function tree(files: Readonly<Record<string, string>>): string {
  const root = freshFolder()
  const algorithms = { 'models/als/index.ts': '', 'models/context-taste/index.ts': '' }
  for (const [path, text] of Object.entries({ ...algorithms, ...files })) {
    mkdirSync(dirname(join(root, 'src', path)), { recursive: true })
    writeFileSync(join(root, 'src', path), text)
  }
  return root
}

function violationsOf(file: string, text: string): string[] {
  return structureViolations(tree({ [file]: text }))
}

test('a folder may import from itself, from those above it, and from packages', () => {
  const text = `
import { join } from 'node:path'
import { z } from 'zod'
import { native } from '../native.ts'
import type { Csr } from '../storage/csr.ts'
export { rank } from './rank.ts'
const module = workerModuleUrl('../parallel/worker', import.meta.url)
const { version } = readJson(new URL('../../package.json', import.meta.url))`
  expect(violationsOf('recommend/recommender.ts', text)).toEqual([])
})

test.each([
  "import { Server } from '../serve/server.ts'",
  'import { Server } from "../serve/server.ts"',
  "import '../serve/server.ts'",
  "import type { Server } from '../serve/server.ts'",
  "import {\n  Server,\n} from '../serve/server.ts'",
  "export * from '../serve/server.ts'",
  "export type { Server } from '../serve/server.ts'",
  "const { Server } = await import('../serve/server.ts')",
  "let server: import('../serve/server.ts').Server",
  "const module = workerModuleUrl('../serve/server', import.meta.url)",
  "const module = workerModuleUrl(\n  '../serve/server',\n  import.meta.url,\n)",
  "const module = new URL('../serve/server.ts', import.meta.url)",
])('a folder may not import from one below it: %s', statement => {
  const violations = violationsOf('storage/csr.ts', `// a comment\n${statement}\n`)
  expect(violations).toHaveLength(1)
  expect(violations[0]).toMatch(
    /^src\/storage\/csr\.ts:[234]: storage imports serve\/server(\.ts)?, but serve is below storage: move what they share to storage or above it$/,
  )
})

test('the files directly in src have their place in the order', () => {
  const root = tree({
    'native.ts': "import { openCsr } from './storage/csr.ts'",
    'index.ts': "export { main } from './cli/main.ts'",
    'cli/main.ts': "import { importDataset } from '../index.ts'",
  })
  expect(structureViolations(root)).toEqual([
    'src/cli/main.ts:1: cli imports index.ts, but index.ts is below cli: move what they share to cli or above it',
    'src/native.ts:1: native.ts imports storage/csr.ts, but storage is below native.ts: move what they share to native.ts or above it',
  ])
})

test('a folder that has no place in the order is said so', () => {
  expect(violationsOf('misc/things.ts', '')).toEqual([
    'src/misc/things.ts:1: misc has no place in the order of folders: give it one in .ci/structure.ts',
  ])
})

test("only the registry and the index import from an algorithm's folder", () => {
  const root = tree({
    'index.ts': "export { als } from './models/als/index.ts'",
    'models/registry.ts': "import { als } from './als/index.ts'\nimport { taste } from './context-taste/index.ts'",
    'models/als/train.ts': "import { als } from './index.ts'\nimport { open } from '../artifact.ts'",
    'models/artifact.ts': "import { als } from './als/index.ts'",
    'models/context-taste/train.ts': "\nimport { als } from '../als/index.ts'",
    'evaluation/evaluate.ts': "import { als } from '../models/als/index.ts'",
  })
  const remedy = 'ask src/models/registry.ts, or move what is shared out of that folder'
  expect(structureViolations(root)).toEqual([
    `src/evaluation/evaluate.ts:1: imports models/als/index.ts of the algorithm als: ${remedy}`,
    `src/models/artifact.ts:1: imports models/als/index.ts of the algorithm als: ${remedy}`,
    `src/models/context-taste/train.ts:2: imports models/als/index.ts of the algorithm als: ${remedy}`,
  ])
})

test.each([
  ["const name = 'als'", 'als'],
  ["import { options } from './als-options.ts'", 'als'],
  ['const help = `options of als: see ${"there"}`', 'als'],
  ['const more = `a ${count === 1 ? `fit of als` : "b"} c`', 'als'],
  ['const trained = trainAls(dataset)', 'als'],
  ['const alsOptions = {}', 'als'],
  ['const ALS_FACTORS = 64', 'als'],
  ["const name = 'context-taste'", 'context-taste'],
  ['const gate = new ContextTaste()', 'context-taste'],
  ['const gate = openContextTaste()', 'context-taste'],
])('recommend, serve and cli may not name an algorithm: %s', (statement, name) => {
  for (const folder of ['recommend', 'serve', 'cli']) {
    expect(violationsOf(`${folder}/file.ts`, `\n${statement}`)).toEqual([
      `src/${folder}/file.ts:2: ${folder} names the algorithm ${name}: take it from src/models/registry.ts, or use another word`,
    ])
  }
  expect(violationsOf('evaluation/file.ts', statement)).toEqual([])
})

test.each([
  '// als, as a comment says',
  '/* als */ const factors = 1',
  '/**\n * als\n */',
  'const quotes = /[\'"`]/ // als',
  "const slashes = 'https://example.org' // als",
  'const half = total / 2 // als / 2',
  'const nested = `${names.map(name => `${name}: {`)}` // als',
  "const signals = ['SIGTERM'], also = false, SIGNALS = 1, ofAlsatian = 2",
  'const context = 1, taste = 2, popularity = 3',
])('comments and other words name no algorithm: %s', statement => {
  expect(violationsOf('serve/file.ts', statement)).toEqual([])
})

test('comments are taken out, and all else keeps its place', () => {
  const program = "a /* b\nc */ + '/* d */' // e\nconst f = /\\/\\// /* g */"
  expect(withoutComments(program)).toBe(`a     \n     + '/* d */'     \nconst f = /\\/\\//        `)
})

test('the command prints each violation and exits 1, and 0 when there is none', () => {
  const check = (root: string) =>
    spawnSync(process.execPath, [join(import.meta.dirname, '../../.ci/structure.ts'), root], { encoding: 'utf8' })
  expect(check(tree({}))).toMatchObject({ status: 0, stderr: '' })
  const { status, stderr } = check(tree({ 'cli/train.ts': "const model = 'als'\nconst other = 'als'" }))
  expect(status).toBe(1)
  expect(stderr.split('\n').map(line => line.split(': ', 2).join(': '))).toEqual([
    'src/cli/train.ts:1: cli names the algorithm als',
    'src/cli/train.ts:2: cli names the algorithm als',
    '',
  ])
})
