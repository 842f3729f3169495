/** Runs the examples of README.md, in order and in one folder, as a reader would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { freePort } from '../serve/free-port.ts'
import { filesToImport } from './interactions.ts'
import type { Block } from './markdown.ts'
import { Output, stop } from './output.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** How long a program may print nothing, ms. */
const patience = 60_000
/** A program that listens for ever, or a stream, has said all for now when it has been quiet for so long, ms. */
const quiet = 1_000

/** A small text: enough of each word to learn from. */
const reviews = Array.from({ length: 200 }, (_, at) => {
  const [film, word] = [['film', 'story', 'music'][at % 3], ['good', 'fine', 'dull'][(at % 5) % 3]]
  return `the ${film} was ${word} and the cast was ${word} too\n`
}).join('')

export class Examples {
  readonly #folder: string
  /** The port in README.md → one that is free. */
  readonly #ports: ReadonlyMap<string, number>
  readonly #servers: { readonly command: string; readonly process: ChildProcess; readonly output: Output }[] = []

  private constructor(folder: string, ports: ReadonlyMap<string, number>) {
    this.#folder = folder
    this.#ports = ports
  }

  /** Lays in `folder` what the blocks need: the files that they import, the command and the package from source. */
  static async prepare(folder: string, blocks: readonly Block[]): Promise<Examples> {
    const text = blocks.map(block => block.text).join('\n')
    for (const [path, content] of filesToImport(text)) writeInto(folder, path, content)
    if (text.includes('reviews.txt')) writeInto(folder, 'reviews.txt', reviews)
    writeInto(folder, '.curlrc', 'fail-with-body\nsilent\nshow-error\n')
    writeInto(folder, 'bin/aurochs', `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'dist/cli/main.js')}' "$@"\n`)
    chmodSync(join(folder, 'bin/aurochs'), 0o755)
    linkPackage(folder)
    const ports = new Map<string, number>()
    for (const [port] of text.matchAll(portPattern)) if (!ports.has(port)) ports.set(port, await freePort())
    return new Examples(folder, ports)
  }

  /** Runs a block, and gives all that it printed. Throws with that when it fails. */
  async run({ language, text, line }: Block): Promise<string> {
    const program = text.replace(portPattern, port => String(this.#ports.get(port)))
    if (language === 'sh') return this.#runShell(program)
    if (language === 'json') return this.#sendMessages(program)
    const file = programFile(line)
    writeInto(this.#folder, file, program)
    return this.#runProgram([process.execPath, file], /for await|\bserve\(/.test(program))
  }

  /** What the compiler finds in the blocks of TypeScript, strict as it is for our own source. */
  async typeErrors(blocks: readonly Block[]): Promise<string> {
    const programs = blocks.filter(({ language }) => language === 'ts')
    for (const { line, text } of programs) writeInto(this.#folder, programFile(line), text)
    const paths = Object.fromEntries(packageEntries().map(([name, source]) => [join('aurochs', name), [source]]))
    const compilerOptions = { noEmit: true, typeRoots: [join(root, 'node_modules/@types')], paths }
    const config = { extends: join(root, 'tsconfig.json'), compilerOptions, include: ['*.mts'] }
    writeInto(this.#folder, 'tsconfig.json', JSON.stringify(config))
    const compiler = this.#spawn([process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '--pretty', 'false'])
    const output = new Output(compiler)
    if (!(await output.ended(3 * patience))) {
      await stop(compiler)
      throw new Error(`the compiler did not end within ${(3 * patience) / 1000} s`)
    }
    const ours = output.text.split('\n').filter(line => /^readme-|^error/.test(line))
    return ours.join('\n')
  }

  async close(): Promise<void> {
    for (const { process } of this.#servers) await stop(process)
  }

  /** Servers go on in the background while the rest of their block and the blocks below run. */
  async #runShell(program: string): Promise<string> {
    let printed = ''
    const lines = program.replaceAll('\\\n', ' ').split('\n')
    while (lines.length > 0) {
      if (lines[0]!.startsWith('aurochs serve ')) {
        printed += await this.#startServer(lines.shift()!)
        continue
      }
      const next = lines.findIndex(line => line.startsWith('aurochs serve '))
      const script = lines.splice(0, next < 0 ? lines.length : next).join('\n')
      if (script.trim()) printed += await this.#runProgram(['bash', '-euo', 'pipefail', '-c', script], false)
    }
    return printed
  }

  async #startServer(command: string): Promise<string> {
    const port = portOf(command)
    for (const server of this.#servers.filter(({ command }) => portOf(command) === port)) await stop(server.process)
    const process = this.#spawn(['bash', '-c', `exec ${command.replace(/\s*&\s*$/, '')}`])
    const output = new Output(process)
    this.#servers.push({ command, process, output })
    while (!output.text.includes('serving at')) {
      if (await output.ended(100)) throw new Error(`${command} ended:\n${output.text}`)
    }
    return output.text
  }

  async #runProgram(command: readonly string[], goesOn: boolean): Promise<string> {
    const process = this.#spawn(command)
    const output = new Output(process)
    while (!(await output.ended(100))) {
      if (goesOn && output.text && output.silence > quiet) {
        await stop(process)
        return output.text
      }
      if (output.silence < patience) continue
      await stop(process)
      throw new Error(`printed nothing for ${patience / 1000} s; before:\n${output.text}`)
    }
    if (process.exitCode !== 0) throw new Error(`failed with exit code ${process.exitCode}:\n${output.text}`)
    return output.text
  }

  /** Each line is a message to the server that was started last: the answers, none of which may be an error. */
  async #sendMessages(messages: string): Promise<string> {
    const url = /ws:\S+/.exec(this.#servers.at(-1)?.output.text ?? '')?.[0]
    if (url === undefined) throw new Error('messages expect a server: start one in a block above')
    const socket = new WebSocket(url, 'aurochs.v1.json')
    const answers: string[] = []
    let last = performance.now()
    socket.addEventListener('message', ({ data }) => {
      answers.push(String(data))
      last = performance.now()
    })
    await once(socket, 'open')
    for (const message of messages.trim().split('\n')) socket.send(message)
    const silence = () => performance.now() - last
    while (silence() < (answers.length > 0 ? quiet : patience) && socket.readyState === WebSocket.OPEN) await wait(50)
    const isOpen = socket.readyState === WebSocket.OPEN
    socket.close()
    const printed = answers.join('\n')
    if (!isOpen || answers.some(answer => JSON.parse(answer).type === 'error')) throw new Error(printed)
    return printed
  }

  #spawn([program, ...args]: readonly string[]): ChildProcess {
    const { PATH } = process.env
    const env = { ...process.env, PATH: `${join(this.#folder, 'bin')}:${PATH}`, CURL_HOME: this.#folder, NO_COLOR: '1' }
    return spawn(program!, args, { cwd: this.#folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  }
}

/** A port after a host that is this machine, or after `--port`. */
const portPattern = /(?<=(?:localhost|127\.0\.0\.1|0\.0\.0\.0):|--port )\d+/g

function portOf(command: string): string | undefined {
  return /--port (\d+)/.exec(command)?.[1]
}

/** Makes `import … from 'aurochs'` and its other exports find the source that they are compiled from. */
function linkPackage(folder: string): void {
  const entries = packageEntries().map(([name, source], at) => {
    writeInto(folder, `node_modules/aurochs/${at}.js`, `export * from '${pathToFileURL(source)}'\n`)
    return [name, `./${at}.js`]
  })
  const manifest = { name: 'aurochs', type: 'module', exports: Object.fromEntries(entries) }
  writeInto(folder, 'node_modules/aurochs/package.json', JSON.stringify(manifest))
}

/** The exports of the package, `.` and others, each with the source that it is compiled from. */
function packageEntries(): [name: string, source: string][] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return Object.entries<{ readonly default: string }>(exports).map(([name, { default: compiled }]) => [
    name,
    join(root, compiled.replace('./dist/', 'src/').replace(/\.js$/, '.ts')),
  ])
}

function programFile(line: number): string {
  return `readme-${line}.mts`
}

function writeInto(folder: string, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}
