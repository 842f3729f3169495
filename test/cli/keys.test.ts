import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isHashOf, parseApiKey } from '../../src/serve/access/api-key.ts'
import { publicJwk, verifyToken } from '../../src/serve/access/token.ts'
import { addKey, withKeys } from '../serve/keys.ts'
import { serveSmallModel } from '../serve/served-model.ts'
import { freshFolder } from '../storage/folder.ts'
import { aurochs, aurochsInTurn } from './aurochs.ts'

const json = (text: string) => JSON.parse(text)

test('keys are made, listed and revoked', async () => {
  const state = join(freshFolder(), 'state')
  const at = ['--state', state]
  const rights = ['--user', 'ann', '--user', '7', '--method', 'recommend', '--expires', '2999-01-01']
  const [limited, admin] = await aurochsInTurn(
    ['keys', 'create', ...at, '--name', 'a shop', ...rights],
    ['keys', 'create', ...at, '--name', 'operations', '--admin'],
  )
  expect(limited).toMatchObject({ status: 0, stdout: expect.stringMatching(/^aur_[\da-f]{12}_[\w-]{43}\n$/) })
  expect(limited!.stderr).toContain('the only time that the key')
  const { id, secret } = parseApiKey(limited!.stdout.trim())!
  expect(
    isHashOf(
      withKeys(state, store => store.list()[0]!.verifier),
      secret,
    ),
  ).toBe(true)

  const [listed, table, revoked, again, unknown, after] = await aurochsInTurn(
    ['keys', 'list', ...at, '--json'],
    ['keys', 'list', ...at],
    ['keys', 'revoke', id, ...at],
    ['keys', 'revoke', id, ...at],
    ['keys', 'revoke', 'none', ...at],
    ['keys', 'list', ...at, '--json'],
  )
  const time = expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  const kept = { kind: 'api', created: time, used: null, revoked: null }
  const ofLimited = {
    ...kept,
    id,
    name: 'a shop',
    users: ['ann', '7'],
    methods: ['recommend'],
    rate: null,
    admin: false,
  }
  expect(listed!.json()).toEqual([
    { ...ofLimited, expires: '2999-01-01T00:00:00Z' },
    {
      ...kept,
      id: parseApiKey(admin!.stdout.trim())!.id,
      name: 'operations',
      users: null,
      methods: null,
      rate: null,
      admin: true,
      expires: null,
    },
  ])
  expect(table!.stdout).toMatch(/^id +name +kind +users +methods +rate +admin +created +expires +last used +revoked\n/)
  expect(table!.stdout).toContain('ann,7')
  expect(revoked).toMatchObject({ status: 0, stdout: `${id} is revoked\n` })
  expect(again).toMatchObject({ status: 0, stdout: '' })
  expect(unknown).toMatchObject({ status: 3, stderr: expect.stringContaining('there is no key none in') })
  expect(after!.json()).toMatchObject([{ id, revoked: time }, { revoked: null }])
})

test('a signing key is printed once as a JWK, and signs tokens', async () => {
  const folder = freshFolder()
  const { stdout } = await aurochs('keys', 'create', '--state', folder, '--name', 'app', '--signing')
  const jwk = json(stdout)
  expect(jwk).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA' })
  const [key] = withKeys(folder, store => store.list())
  expect(key).toMatchObject({ id: jwk.kid, kind: 'signing', verifier: jwk.x })
  const file = join(folder, 'app.jwk')
  writeFileSync(file, stdout)
  const [token, wrong] = await aurochsInTurn(
    ['keys', 'token', '--key', file, '--user', 'ann', '--method', 'record', '--expires-in', '15m'],
    ['keys', 'token', '--key', join(folder, 'keys.db'), '--user', 'ann', '--expires-in', '15m'],
  )
  const { user, methods, expires } = await verifyToken(token!.stdout.trim(), publicJwk(key!.verifier))
  expect({ user, methods }).toEqual({ user: 'ann', methods: ['record'] })
  expect(Math.abs(expires - Date.now() - 900_000)).toBeLessThan(60_000)
  expect(wrong).toMatchObject({ status: 2, stderr: expect.stringContaining('expected the private JWK that') })
})

test('what cannot be is said before a key is made', async () => {
  const state = join(freshFolder(), 'state')
  const create = ['keys', 'create', '--state', state, '--name', 'x']
  const runs = await aurochsInTurn(
    [...create, '--method', 'nope'],
    [...create, '--method', 'swap'],
    [...create, '--admin', '--signing'],
    [...create, '--user', ''],
    [...create, '--expires', 'tomorrow'],
    ['keys', 'list', '--state', state],
    ['keys', 'token', '--key', 'none', '--user', 'ann', '--expires-in', '1 hour'],
    ['keys', 'token', '--key', 'none', '--user', 'ann', '--expires-in', '1h'],
  )
  expect(runs.map(({ status, stdout }) => [status, stdout])).toEqual(runs.map(() => [2, '']))
  const messages = [
    '--method must be the name of a method, see `aurochs call --help`, got nope',
    '--method swap is for admins: add --admin',
    '--admin and --signing exclude each other: a token is never for admins',
    '--user must be the id of a user, of 1 to 256 characters, got nothing',
    '--expires must be a date or a time such as 2024-05-31T18:30:00Z, got tomorrow',
    `${state} has no keys: name the --state of the server, or make one by \`aurochs keys create\``,
    '--expires-in must be a time such as 30s, 15m, 1h or 90d, got 1 hour',
    '--key must be a file that can be read: ENOENT',
  ]
  for (const [at, { stderr }] of runs.entries()) expect(stderr).toContain(`aurochs: ${messages[at]}`)
})

test('`aurochs call` shows a key, from an option or the environment', async () => {
  const keys: ReturnType<typeof addKey>[] = []
  const prepare = (state: string) => void keys.push(addKey(state), addKey(state, { admin: 'all' }))
  const served = await serveSmallModel({ rpc: 'tcp', prepare })
  try {
    const [user, admin] = keys as [(typeof keys)[0], (typeof keys)[0]]
    const rpc = served.server.rpc!
    process.env.AUROCHS_KEY = admin.key
    const [none, refused, given, environment] = [
      await aurochs('call', rpc, 'metrics', '--key', `${user.key.slice(0, -1)}_`),
      await aurochs('call', rpc, 'metrics', '--key', user.key),
      await aurochs('call', rpc, 'similar', '{"item": "i3"}', '--key', user.key),
      await aurochs('call', rpc, 'metrics'),
    ]
    expect(none).toMatchObject({ status: 1, stderr: expect.stringMatching(/^aurochs: unauthorized: .+\n$/) })
    expect(refused).toMatchObject({ status: 1, stderr: expect.stringMatching(/^aurochs: forbidden: .+\n$/) })
    expect(given.status).toBe(0)
    expect(environment.status).toBe(0)
  } finally {
    delete process.env.AUROCHS_KEY
    await served.close()
  }
})
