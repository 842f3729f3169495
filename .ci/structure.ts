/**
 * `node .ci/structure.ts [ROOT]` checks how the folders of ROOT/src depend on each other, and prints one line for each
 * violation: a folder imports only from those above it, an algorithm keeps to its folder, and what serves models names
 * no algorithm.
 */
import { globSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { withoutComments } from './without-comments.ts'

/** What lies directly in src: each imports only from those before it. */
// biome-ignore format: read in rows
const order = [
  'binding.d.ts', 'native.ts', 'storage', 'parallel', 'ingest', 'search', 'skip-gram', 'models', 'interchange', 'words', 'evaluation', 'events', 'catalogue',
  'recommend', 'push', 'music', 'protocol', 'client', 'serve', 'cli', 'index.ts',
]

/** These know algorithms only by the registry. */
const withoutNames = ['recommend', 'serve', 'cli']

/** The only files outside an algorithm's folder that may import from it. */
const importers = ['models/registry.ts', 'index.ts']

/** Each of the forms in which a module names another: `from`, `import`, `import()`, and a URL beside `import.meta.url`. */
const references = [
  /\b(?:from|import)\s*\(?\s*(['"`])(?<path>\.\.?\/[^'"`]+)\1/g,
  /(['"`])(?<path>\.\.?\/[^'"`]+)\1\s*,\s*import\.meta\.url\b/g,
]

interface Violation {
  readonly line: number
  readonly what: string
}

/** A line for each violation in the tree at `root`: `FILE:LINE: what is wrong: the remedy`. */
export function structureViolations(root: string): string[] {
  const source = join(root, 'src')
  const algorithms = globSync('models/**/index.ts', { cwd: source }).map(file => posix.dirname(file))
  const names = algorithms.map(folder => posix.basename(folder)).map(name => ({ name, pattern: wordPattern(name) }))
  return globSync('**/*.{ts,mts,js,mjs}', { cwd: source })
    .sort()
    .flatMap(file => {
      const code = withoutComments(readFileSync(join(source, file), 'utf8'))
      const violations = [...wrongImports(file, code, algorithms), ...namedAlgorithms(file, code, names)]
      return violations
        .sort((a, b) => a.line - b.line)
        .map(({ line, what }) => `${posix.join('src', file)}:${line}: ${what}`)
    })
}

function wrongImports(file: string, code: string, algorithms: readonly string[]): Violation[] {
  const from = top(file)
  if (!order.includes(from)) {
    return [{ line: 1, what: `${from} has no place in the order of folders: give it one in .ci/structure.ts` }]
  }
  const violations: Violation[] = []
  for (const reference of references) {
    for (const { index, groups } of code.matchAll(reference)) {
      const target = posix.join(posix.dirname(file), groups!.path!)
      if (target.startsWith('..')) continue
      const to = top(order.includes(`${target}.ts`) ? `${target}.ts` : target)
      const report = (what: string) => violations.push({ line: lineOf(code, index), what })
      if (order.indexOf(to) > order.indexOf(from)) {
        report(`${from} imports ${target}, but ${to} is below ${from}: move what they share to ${from} or above it`)
      }
      const algorithm = algorithms.find(folder => target.startsWith(`${folder}/`))
      if (algorithm !== undefined && !file.startsWith(`${algorithm}/`) && !importers.includes(file)) {
        report(
          `imports ${target} of the algorithm ${posix.basename(algorithm)}: ask src/models/registry.ts, or move what is shared out of that folder`,
        )
      }
    }
  }
  return violations
}

function namedAlgorithms(file: string, code: string, names: readonly { name: string; pattern: RegExp }[]): Violation[] {
  const folder = top(file)
  if (!withoutNames.includes(folder)) return []
  return names.flatMap(({ name, pattern }) =>
    [...code.matchAll(pattern)].map(({ index }) => ({
      line: lineOf(code, index),
      what: `${folder} names the algorithm ${name}: take it from src/models/registry.ts, or use another word`,
    })),
  )
}

/** Finds `two-words` as a word of its own and as part of an identifier: `two-words`, `twoWordsOf`, `ofTwoWords`, `TWO_WORDS`. */
function wordPattern(name: string): RegExp {
  const pascal = name.replace(/(?:^|-)([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const camel = name[0] + pascal.slice(1)
  const upper = name.replaceAll('-', '_').toUpperCase()
  return new RegExp(
    `(?<![A-Za-z0-9])(?:${name}|${camel})(?![a-z0-9])|${pascal}(?![a-z0-9])|(?<![A-Z])${upper}(?![A-Z])`,
    'g',
  )
}

/** The file or folder directly in src that holds `path`. */
function top(path: string): string {
  return path.split('/', 1)[0]!
}

function lineOf(code: string, index: number): number {
  return code.slice(0, index).split('\n').length
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = structureViolations(process.argv[2] ?? join(import.meta.dirname, '..'))
  for (const violation of violations) console.error(violation)
  process.exitCode = violations.length > 0 ? 1 : 0
}
