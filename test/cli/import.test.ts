import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Dataset } from '../../src/storage/dataset.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochs, aurochsInTurn, main } from './aurochs.ts'

const columns = ['--user', 'user', '--item', 'item']
const csv = 'user,item\nann,x\nbob,y\n'

/** A folder with the file in.csv. */
function folderWith(text: string): { readonly file: string; readonly out: string } {
  const folder = freshFolder()
  const file = join(folder, 'in.csv')
  writeFileSync(file, text)
  return { file, out: join(folder, 'out') }
}

/** Runs `command` in a shell, where `"$@"` is `aurochs import` with `args`. */
function shell(command: string, ...args: string[]) {
  return spawnSync('bash', ['-c', command, 'bash', process.execPath, main, 'import', ...args], { encoding: 'utf8' })
}

test('reads text by --delimiter and --no-header', async () => {
  const { file, out } = folderWith('1::1193::5::978300760\n2::661::3::978302109\n')
  const positions = ['--user', 'column0', '--item', 'column1', '--weight', 'column2', '--time', 'column3']
  const { status, stderr } = await aurochs('import', file, ...positions, '--delimiter', '::', '--out', out)
  expect([status, stderr]).toEqual([0, ''])
  expect(Dataset.open(out).manifest).toMatchObject({ users: 2, pairs: 2, events: 2 })
  const tabs = folderWith('user\titem\nann\tx\n')
  const asked = ['import', tabs.file, '--user', 'column0', '--item', 'column1', '--out', tabs.out]
  const [refused, read] = await aurochsInTurn(asked, [...asked, '--no-header', '--delimiter', '\\t'])
  expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('say --no-header if that line is a row') })
  expect(read).toMatchObject({ status: 0, stderr: '' })
  expect(Dataset.open(tabs.out).manifest.pairs).toBe(2)
})

test('reads standard input, pipes and process substitution', () => {
  const { file, out } = folderWith(csv)
  const asked = [...columns, '--out', out, '--replace']
  for (const command of [
    `cat ${file} | "$@" -`,
    `cat ${file} | "$@" /dev/stdin`,
    `gzip -c ${file} | "$@" -`,
    `"$@" - < ${file}`,
    `"$@" <(cat ${file})`,
    `sed 's/,/;/g' ${file} | "$@" - --delimiter ';' --format csv`,
  ]) {
    const { status, stderr, stdout } = shell(command, ...asked)
    expect([command, status, stderr]).toEqual([command, 0, ''])
    expect(stdout).toContain('2 users, 2 items, 2 pairs')
  }
  expect(shell(': | "$@" -', ...asked)).toMatchObject({ status: 1, stderr: 'aurochs: - is empty\n' })
})

test('Ctrl-C ends the wait for standard input and leaves nothing', async () => {
  const { out } = folderWith(csv)
  const folder = join(out, '..')
  const child = spawn(process.execPath, [main, 'import', '-', ...columns, '--out', out], { stdio: 'pipe' })
  child.stdin.write(csv)
  while (readdirSync(folder).length < 2) await new Promise(resolve => setTimeout(resolve, 10))
  await new Promise(resolve => setTimeout(resolve, 500))
  child.kill('SIGINT')
  const status = await new Promise(resolve => child.on('close', resolve))
  expect([status, readdirSync(folder)]).toEqual([130, ['in.csv']])
})

const canMount = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0

// Needs a disk of our own to fill: Linux, and user namespaces that may mount.
test.skipIf(!canMount)('a pipe that the disk does not hold is an error that says so and leaves nothing', () => {
  const command = `mount -t tmpfs -o size=6m none /mnt; yes ann,x | head -c 20000000 | "$@" -; echo "code $?"; ls -A /mnt`
  const asked = ['--user', 'column0', '--item', 'column1', '--out', '/mnt/out']
  const args = ['-Urm', 'sh', '-c', command, 'sh', process.execPath, main, 'import', ...asked]
  const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8' })
  expect(stderr).toBe('aurochs: the disk is full: /mnt/out was not written; free some space or write to another disk\n')
  expect(stdout).toBe('code 1\n')
})

test('--bad-rows skip says how many rows were left out, and shows the first', async () => {
  const { file, out } = folderWith('user,item\nann,x\nbob\n,y\nbob,z\n')
  const asked = ['import', file, ...columns, '--out', out, '--replace']
  const [refused, skipped, manifest] = await aurochsInTurn(
    asked,
    [...asked, '--bad-rows', 'skip'],
    [...asked, '--bad-rows', 'skip', '--json'],
  )
  expect(refused).toMatchObject({
    status: 1,
    stderr: `aurochs: ${file}, line 3: expected 2 columns, got 1: bob; correct it, or leave bad rows out with --bad-rows skip\n`,
  })
  expect(skipped!.stdout).toContain('2 users, 2 items, 2 pairs (2 rows')
  expect(skipped!.stdout).toContain(
    `\n2 bad rows were left out; the first: ${file}, line 3: expected 2 columns, got 1: bob\n`,
  )
  expect(manifest!.json()).toMatchObject([{ source: { rows: 2, badRows: 2 }, options: { badRows: 'skip' } }])
})

test('names the missing columns of ids together, and the columns that there are', async () => {
  const { file, out } = folderWith(csv)
  const missing = async (...args: string[]) => (await aurochs('import', ...args)).stderr
  const have = `in ${file}, which has "user", "item"\n`
  expect(await missing(file)).toBe(`aurochs: --user and --item must name the columns of ids ${have}`)
  expect(await missing(file, '--out', out, '--item', 'item')).toBe(
    `aurochs: --user must name the column of user ids ${have}`,
  )
  expect(await missing('nowhere.csv')).toBe('aurochs: --user and --item must name the columns of ids in nowhere.csv\n')
  expect(await missing(file, ...columns)).toBe('aurochs: --out must name the directory of the dataset, got nothing\n')
})

test('options that cannot be are named as they were given', async () => {
  const { file, out } = folderWith(csv)
  const wrong: [args: string[], message: string][] = [
    [['--memory', 'lots'], '--memory must be a size such as 2GiB, got lots'],
    [['--delimiter', 'abcde'], '--delimiter must be 1 to 4 bytes, as in ; or :: or \\t, got abcde'],
    [['--duplicates', 'first'], '--duplicates must be one of sum, last, max, count, got first'],
    [
      ['--format', 'xml'],
      '--format must be one of csv, json, parquet, npz, matrix-market, adjacency, movielens, got xml',
    ],
    [['--time-unit', 'min'], '--time-unit must be one of auto, s, ms, us, ns, got min'],
    [['--bad-rows', 'drop'], '--bad-rows must be refuse or skip, got drop'],
    [['--min-user', '0'], '--min-user must be a whole number from 1 to 999999999, got 0'],
    [['--threads', 'x'], '--threads must be a whole number from 1 to 1024, got x'],
    [['--weight', ''], '--weight must be the name of a column, got nothing'],
  ]
  const answers = await aurochsInTurn(...wrong.map(([args]) => ['import', file, ...columns, '--out', out, ...args]))
  expect(answers.map(({ status, stderr }) => [status, stderr])).toEqual(
    wrong.map(([, message]) => [2, `aurochs: ${message}\n`]),
  )
  expect(existsSync(out)).toBe(false)
})

test.skipIf(!existsSync('/dev/full'))('output that cannot be written is one line of error', () => {
  const { file, out } = folderWith(csv)
  for (const json of [[], ['--json']]) {
    const { status, stderr } = shell('"$@" > /dev/full', file, ...columns, '--out', out, '--replace', ...json)
    expect([status, stderr]).toEqual([1, 'aurochs: standard output could not be written: the disk is full\n'])
  }
})
