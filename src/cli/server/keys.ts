import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { z } from 'zod'
import { isMethodName, methods } from '../../protocol/methods.ts'
import { IdSchema } from '../../protocol/values.ts'
import type { Key, KeyStore } from '../../serve/access/key-store.ts'
import type { Rights } from '../../serve/access/rights.ts'
import { asGiven, mustBe } from '../../storage/expectation.ts'
import { assertHasSqlite } from '../../storage/sqlite.ts'
import { duration, instant, parseOptions, type Register, several, text, UsageError, wholeNumber } from '../command.ts'
import { table } from '../terminal/table.ts'

const state = text('a directory')

const method = 'the name of a method, see `aurochs call --help`'
const user = 'the id of a user, of 1 to 256 characters'

/** A list whose every value `isGood`; the first that is not is named. */
function listOf(expected: string, isGood: (value: string) => boolean) {
  const error = ({ input }: { readonly input?: unknown }) =>
    `must be ${expected}, got ${asGiven((input as readonly string[]).find(value => !isGood(value)))}`
  return z
    .array(z.string())
    .refine(values => values.every(isGood), { error })
    .optional()
}

const users = listOf(user, value => IdSchema.safeParse(value).success)
const allowedMethods = listOf(method, isMethodName)

const CreateOptions = z.object({
  state,
  name: text('what the key is for'),
  user: users,
  method: allowedMethods,
  rate: wholeNumber(1, 1_000_000_000).optional(),
  admin: z.boolean().default(false),
  signing: z.boolean().default(false),
  expires: instant.optional(),
})

const ListOptions = z.object({ state, json: z.boolean().default(false) })
const RevokeOptions = z.object({ state })

const TokenOptions = z.object({
  key: text('a file'),
  user: z.string().refine(value => IdSchema.safeParse(value).success, mustBe(user)),
  method: allowedMethods,
  expiresIn: duration,
})

const examples = `
Examples:
  aurochs keys create --state events --name shop --method recommend --method record
  aurochs keys create --state events --name app --signing > app.jwk
  aurochs keys token --key app.jwk --user ann --expires-in 1h
`

/** `aurochs keys`: who may use a server. They count at once, also while it runs. */
export const register: Register = program => {
  const keys = program
    .command('keys')
    .description('make, list and revoke the keys that a server expects as soon as it has one')
    .addHelpText('after', examples)
  const at = (command: Command) =>
    command.requiredOption('--state <dir>', 'directory of the server that keeps the events, made if there is none')

  at(keys.command('create'))
    .description('make a key, and print it: it is shown only once')
    .requiredOption('--name <name>', 'what it is for')
    .option('--user <id>', 'it may act for this user and no other; may be repeated (default: for every user)', several)
    .option(
      '--method <name>',
      'it may call this method; may be repeated (default: all that are not for admins)',
      several,
    )
    .option(
      '--rate <units>',
      'what all who show it may ask for together, in units a second, instead of each by serve --rate',
    )
    .option('--admin', `it may call those for admins as well: ${adminMethods()}`)
    .option('--signing', 'a key that signs tokens, each for one user: prints its private part as a JWK (Ed25519)')
    .option('--expires <date>', 'from when on it is refused (default: never)')
    .action(create)
  at(keys.command('list'))
    .description('list all keys, the revoked ones too')
    .option('--json', 'one JSON object a line')
    .action(list)
  at(keys.command('revoke'))
    .description(
      'refuse a key from now on, and all tokens that it signed; what they have open at a server ends. Where all keys are ' +
        'revoked nobody is let in: to let everyone in again, end the server and remove keys.db',
    )
    .argument('<id>', 'as `aurochs keys list` shows it')
    .action(revoke)
  keys
    .command('token')
    .description('sign a token for one user by a signing key, and print it')
    .requiredOption('--key <file>', 'what `aurochs keys create --signing` printed')
    .requiredOption('--user <id>', 'whom it is for')
    .option('--method <name>', 'it may call this method; may be repeated (default: all that its key may)', several)
    .requiredOption('--expires-in <time>', 'how long it is good, as 30s, 15m, 1h or 7d')
    .action(token)
}

async function create(given: unknown): Promise<void> {
  const options = parseOptions(CreateOptions, given)
  const { name, signing, rate, admin, expires, method: allowed } = options
  const forAdmins = allowed?.find(each => isMethodName(each) && methods[each].access === 'admin')
  if (signing && admin) throw new UsageError('--admin and --signing exclude each other: a token is never for admins')
  if (forAdmins !== undefined && !admin) {
    throw new UsageError(`--method ${forAdmins} is for admins: ${signing ? 'no token may call it' : 'add --admin'}`)
  }
  const { id, secret, ...made } = signing ? await madeSigningKey() : await madeApiKey()
  const users = options.user && new Set(options.user)
  const rights: Rights = { users, methods: allowed, rate, admin: admin ? 'all' : 'none' }
  const store = await openStore(options.state, true)
  try {
    store.add({ ...made, id, name, rights, created: Date.now(), expires })
  } finally {
    store.close()
  }
  process.stdout.write(`${secret}\n`)
  process.stderr.write(`This is the only time that the key ${id} is shown: keep it where only its user can read it.\n`)
}

/** A new key, and what of it is told to its user alone. */
interface MadeKey extends Pick<Key, 'id' | 'kind' | 'verifier'> {
  readonly secret: string
}

async function madeApiKey(): Promise<MadeKey> {
  const { formatApiKey, hashOf, newApiKey } = await import('../../serve/access/api-key.ts')
  const key = newApiKey()
  return { id: key.id, kind: 'api', verifier: hashOf(key.secret), secret: formatApiKey(key) }
}

async function madeSigningKey(): Promise<MadeKey> {
  const { newKeyId } = await import('../../serve/access/api-key.ts')
  const { newSigningKey } = await import('../../serve/access/token.ts')
  const id = newKeyId()
  const { privateKey, publicKey } = newSigningKey(id)
  return { id, kind: 'signing', verifier: publicKey, secret: JSON.stringify(privateKey) }
}

async function list(given: unknown): Promise<void> {
  const options = parseOptions(ListOptions, given)
  const store = await openStore(options.state)
  const found = store.list()
  store.close()
  if (options.json) {
    for (const key of found) process.stdout.write(`${JSON.stringify(shown(key))}\n`)
    return
  }
  const heads = [
    'id',
    'name',
    'kind',
    'users',
    'methods',
    'rate',
    'admin',
    'created',
    'expires',
    'last used',
    'revoked',
  ]
  const rows = found.map(key => {
    const { id, name, kind, users, methods, rate, admin, created, expires, used, revoked } = shown(key)
    const times = [created ?? '', expires ?? 'never', used ?? 'never', revoked ?? 'no']
    return [
      id,
      name,
      kind,
      users?.join(',') ?? 'all',
      methods?.join(',') ?? 'all',
      `${rate ?? ''}`,
      admin ? 'yes' : 'no',
      ...times,
    ]
  })
  process.stdout.write(table([heads, ...rows]))
}

async function revoke(id: string, given: unknown): Promise<void> {
  const options = parseOptions(RevokeOptions, given)
  const store = await openStore(options.state)
  try {
    if (store.revoke(id, Date.now())) {
      process.stdout.write(`${id} is revoked\n`)
      return
    }
    const known = store.list().some(key => key.id === id)
    if (!known) throw new UsageError(`there is no key ${asGiven(id)} in ${options.state}: see \`aurochs keys list\``, 3)
  } finally {
    store.close()
  }
}

async function token(given: unknown): Promise<void> {
  const { key, user, method: methods, expiresIn } = parseOptions(TokenOptions, given)
  const { signToken } = await import('../../serve/access/token.ts')
  let jwk: string
  try {
    jwk = readFileSync(key, 'utf8')
  } catch (error) {
    throw new UsageError(`--key must be a file that can be read: ${(error as Error).message}`)
  }
  try {
    process.stdout.write(`${await signToken(jwk, { user, methods, expires: Date.now() + expiresIn })}\n`)
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(`${key}: ${error.message}`) : error
  }
}

/** @throws UsageError where there are no keys and none shall be made. */
async function openStore(directory: string, makes = false): Promise<KeyStore> {
  assertHasSqlite()
  const { KeyStore } = await import('../../serve/access/key-store.ts')
  const store = makes ? KeyStore.open(directory) : KeyStore.openExisting(directory)
  if (store) return store
  throw new UsageError(
    `${directory} has no keys: name the --state of the server, or make one by \`aurochs keys create\``,
  )
}

/** A key as it is printed, without what it is checked by. */
function shown({ id, name, kind, rights, created, expires, used, revoked }: Key) {
  const { users, methods, rate, admin } = rights
  const time = (ms: number | undefined) => (ms === undefined ? null : `${new Date(ms).toISOString().slice(0, 19)}Z`)
  return {
    id,
    name,
    kind,
    users: users ? [...users] : null,
    methods: methods ?? null,
    rate: rate ?? null,
    admin: admin === 'all',
    created: time(created),
    expires: time(expires),
    used: time(used),
    revoked: time(revoked),
  }
}

function adminMethods(): string {
  const names = Object.entries(methods).filter(([, { access }]) => access === 'admin')
  return names.map(([name]) => name).join(', ')
}
