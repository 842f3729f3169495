/** The server beside a client that was not made for it: that of pynvim, Neovim's MessagePack-RPC library for Python. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { serveSmallModel } from './served-model.ts'
import { expectedList } from './small-model.ts'

const run = promisify(execFile)
const program = join(import.meta.dirname, 'rpc_peer.py')
const library = 'pynvim==0.6.0'
/** Kept from run to run. */
const libraryFolder = join(tmpdir(), `aurochs-test-${library}`)

/** Installs the library, unless it is there. */
async function install(): Promise<void> {
  if (existsSync(libraryFolder)) return
  const folder = mkdtempSync(`${libraryFolder}-`)
  try {
    await run('python3', ['-m', 'pip', 'install', '--quiet', '--target', folder, library], { timeout: 60_000 })
    await run('python3', ['-c', 'import pynvim'], { env: { ...process.env, PYTHONPATH: folder } })
    renameSync(folder, libraryFolder)
  } catch (error) {
    rmSync(folder, { recursive: true })
    throw error
  }
}

const transports = ['unix', 'tcp'] as const

test.for(transports)('a client of another make has its calls answered over %s', async (transport, { skip }) => {
  await install().catch(error => {
    console.warn(`skipped: cannot install ${library}: ${error.message}`)
    skip()
  })
  const { server, model, close } = await serveSmallModel({ rpc: transport })
  onTestFinished(close)

  const env = { ...process.env, PYTHONPATH: libraryFolder }
  const { stdout } = await run('python3', [program, server.rpc!], { env, timeout: 60_000 })
  const [list, pong, again, unknown, bad, many, after] = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const itemsOf = ({ items }: { items: { item: string }[] }) => items.map(({ item }) => item)
  expect(list).toMatchObject({ user: '3', basis: 'model', generation: server.service.info.generation })
  expect(itemsOf(list)).toEqual(expectedList(model, 3, [], 5))
  expect(pong).toEqual({})
  expect(itemsOf(again)).toEqual(expectedList(model, 3, [], 10))
  expect(unknown).toEqual({ code: 'unknown_method', message: expect.stringContaining('recommend') })
  expect(bad).toEqual({ code: 'bad_message', message: expect.stringContaining('[parameters, {timeout: ms}]') })
  expect(many).toHaveLength(200)
  for (let user = 0; user < 19; user++) expect(many[user]).toEqual(expectedList(model, user, [], 3))
  expect(after).toBe('from python')
})
