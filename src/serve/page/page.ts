/**
 * The files of the page at `/`: its document, and below `/page/VERSION/` its styles, its program and what that imports of
 * this package, each at the path that it has in it. Nothing else of the disk is served.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { modulesFrom } from './module-graph.ts'

export interface PageFile {
  readonly type: string
  readonly body: string
  /** The header that names this content. */
  readonly etag: string
}

/** The folder of this package's modules: `src`, or compiled `dist`. */
const root = fileURLToPath(new URL('../../', import.meta.url))
/** `.ts` where Node runs the source, whose types are then left out for the browser too; else `.js`. */
const extension = extname(import.meta.filename)
const app = 'serve/page/app'
const styles = 'base top controls list try live models catalogue push bar mixed map'
  .split(' ')
  .map(name => `${app}/styles/${name}.css`)

const types = { document: 'text/html', style: 'text/css', script: 'text/javascript', icon: 'image/svg+xml' } as const

export class Page {
  /** What `/` shows. */
  readonly document: PageFile
  /** By what follows `/page/`. */
  readonly #files: ReadonlyMap<string, PageFile>

  /** Reads all of its files. @throws Error when one is missing. */
  static open(): Page {
    const modules = modulesFrom(`${app}/main${extension}`, moduleText)
    const files = new Map([
      ...[...modules].map(([path, text]) => [path, fileOf('script', text)] as const),
      ...styles.map(path => [path, fileOf('style', readText(path))] as const),
      [`${app}/icon.svg`, fileOf('icon', readText(`${app}/icon.svg`))],
      ['uplot.js', fileOf('script', chartLibrary())],
      ['uplot.css', fileOf('style', readFileSync(libraryPath('uPlot.min.css'), 'utf8'))],
    ])
    return new Page(files, [...modules.keys()])
  }

  private constructor(files: ReadonlyMap<string, PageFile>, modules: readonly string[]) {
    const version = nameOf([...files].map(([path, { etag }]) => `${path} ${etag}\n`).join(''))
    this.#files = new Map([...files].map(([path, file]) => [`${version}/${path}`, file]))
    // Relative, so that the page may lie behind a proxy that takes a prefix off.
    const base = `page/${version}`
    const links = [
      ...['uplot.css', ...styles].map(path => `<link rel="stylesheet" href="${base}/${path}">`),
      // Else each would be asked for only once what imports it is there.
      ...modules.map(path => `<link rel="modulepreload" href="${base}/${path}">`),
      `<link rel="icon" href="${base}/${app}/icon.svg">`,
      `<script type="module" src="${base}/${app}/main${extension}"></script>`,
    ]
    this.document = fileOf('document', readText(`${app}/index.html`).replace('<!-- links -->', links.join('\n    ')))
  }

  /** The file at `path`, which is what follows `/page/`. Its content is the same for ever. */
  file(path: string): PageFile | undefined {
    return this.#files.get(path)
  }
}

function fileOf(kind: keyof typeof types, body: string): PageFile {
  return { type: `${types[kind]}; charset=utf-8`, body, etag: `"${nameOf(body)}"` }
}

function nameOf(content: string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 16)
}

function readText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

function moduleText(path: string): string {
  const text = readText(path)
  return extension === '.ts' ? stripTypeScriptTypes(text) : text
}

function libraryPath(name: string): string {
  return createRequire(import.meta.url).resolve(`uplot/dist/${name}`)
}

/** uPlot as a module: its own is three times as long, since it is not minified. */
function chartLibrary(): string {
  return `${readFileSync(libraryPath('uPlot.iife.min.js'), 'utf8')}\nexport default uPlot\n`
}
