import { createHmac, generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { publicJwk, signToken, verifyToken } from '../../src/serve/access/token.ts'
import { addKey, addSigningKey, revokeKey, withKeys } from './keys.ts'
import { Peer } from './peer.ts'
import { RpcPeer } from './rpc-peer.ts'
import { type ServedModel, serveSmallModel } from './served-model.ts'

type SigningKey = ReturnType<typeof addSigningKey>

let served: ServedModel
let signing: {
  full: SigningKey
  ofAnn: SigningKey
  toRead: SigningKey
  admin: SigningKey
  old: SigningKey
  gone: SigningKey
}
let apiKey: ReturnType<typeof addKey>
let oldKey: ReturnType<typeof addKey>

beforeAll(async () => {
  const prepare = (state: string) => {
    signing = {
      full: addSigningKey(state),
      ofAnn: addSigningKey(state, { users: ['ann'] }),
      toRead: addSigningKey(state, { methods: ['recommend', 'similar'] }),
      admin: addSigningKey(state, { admin: 'all' }),
      old: addSigningKey(state, { expires: Date.now() - 1 }),
      gone: addSigningKey(state),
    }
    apiKey = addKey(state)
    oldKey = addKey(state, { expires: Date.now() - 1 })
    revokeKey(state, signing.gone.id)
  }
  served = await serveSmallModel({ rpc: 'tcp', prepare })
  return served.close
})

/** The codes that a credential gets by each front for a list for `user`. */
async function codes(key: string, user = 'ann'): Promise<string[]> {
  const response = await fetch(`${served.server.url}/v1/recommend/${user}`, {
    headers: { authorization: `Bearer ${key}` },
  })
  const { error } = (await response.json()) as { error?: { code: string } }
  const socket = await Peer.connect(served.server.url)
  const { type, code } = await socket.ask({ type: 'hello', protocols: [1], key })
  await socket.close()
  const rpc = await RpcPeer.connect(served.server.rpc!)
  const [, , refusal] = await rpc.call('authenticate', { key })
  rpc.close()
  return [error?.code ?? 'ok', type === 'welcome' ? 'ok' : code, refusal?.code ?? 'ok']
}

const refused = ['unauthorized', 'unauthorized', 'unauthorized']
const taken = ['ok', 'ok', 'ok']

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const hour = () => Math.floor(Date.now() / 1000) + 3600
/** A token that `privateKey` signs, by what `header` and `claims` say. */
const signed = (privateKey: Parameters<SignJWT['sign']>[0], header: object, claims: object) =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: 'EdDSA', ...header }).sign(privateKey)
const jwkOf = ({ jwk }: SigningKey) => JSON.parse(jwk)

test('a token is good until it expires, and no longer than its key', async () => {
  expect(await codes(await signing.full.token('ann'))).toEqual(taken)
  expect(await codes(await signing.full.token('ann', 0))).toEqual(refused)
  expect(await codes(await signing.full.token('ann', -3_600_000))).toEqual(refused)
  expect(await codes(await signing.old.token('ann'))).toEqual(refused)
  expect(await codes(await signing.gone.token('ann'))).toEqual(refused)
  expect(await codes(oldKey.key)).toEqual(refused)
})

test('a token can do no more than its key', async () => {
  expect(await codes(await signing.ofAnn.token('ann'))).toEqual(taken)
  expect(await codes(await signing.ofAnn.token('bob'), 'bob')).toEqual(refused)
  const allowed = async (token: string, method: string, params = '') => {
    const url = `${served.server.url}/v1/${method}${params}`
    return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status
  }
  const both = await signing.toRead.token('ann', 60_000, ['similar', 'record', 'metrics'])
  expect(await allowed(both, 'similar', '/i3')).toBe(200)
  expect(await allowed(both, 'recommend', '/ann')).toBe(403)
  expect(await allowed(both, 'metrics')).toBe(403)
  const all = await signing.toRead.token('ann')
  expect(await allowed(all, 'recommend', '/ann')).toBe(200)
  expect(await allowed(all, 'recommend_batch', '?users=ann')).toBe(403)
  // Whatever its key may do.
  expect(await allowed(await signing.admin.token('ann'), 'metrics')).toBe(403)
  const narrow = await signing.full.token('ann', 60_000, [])
  expect(await allowed(narrow, 'recommend', '/ann')).toBe(403)
})

test('forged and malformed tokens are refused', async () => {
  const { full } = signing
  const { privateKey: stranger } = generateKeyPairSync('ed25519')
  const { importJWK } = await import('jose')
  const own = await importJWK(jwkOf(full), 'EdDSA')
  const claims = { sub: 'ann', exp: hour() }
  const head = { kid: full.id }
  expect(await codes(await signed(own, head, claims))).toEqual(taken)
  const good = await full.token('ann')
  const [header, payload, signature] = good.split('.') as [string, string, string]
  const hmac = (key: string | Buffer) => {
    const text = `${base64({ alg: 'HS256', kid: full.id })}.${payload}`
    return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
  }
  const forged = {
    'of another key': await signed(stranger, head, claims),
    'without kid': await signed(own, {}, claims),
    'with the kid of another signing key': await signed(own, { kid: signing.ofAnn.id }, claims),
    'with the kid of an API key': await signed(own, { kid: apiKey.id }, claims),
    'with an unknown kid': await signed(own, { kid: 'ffffffffffff' }, claims),
    'with a key in its header': await signed(
      stranger,
      { ...head, jwk: generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }) },
      claims,
    ),
    'without a signature': `${base64({ alg: 'none', kid: full.id })}.${payload}.`,
    'with none and a signature': `${base64({ alg: 'none', kid: full.id })}.${payload}.${signature}`,
    'signed with the public key as the secret': hmac(full.publicKey),
    'signed with its bytes as the secret': hmac(Buffer.from(full.publicKey, 'base64url')),
    changed: `${header}.${base64({ ...claims, sub: 'bob' })}.${signature}`,
    'cut off': good.slice(0, -2),
    'without exp': await signed(own, head, { sub: 'ann' }),
    'without sub': await signed(own, head, { exp: claims.exp }),
    'with an empty sub': await signed(own, head, { ...claims, sub: '' }),
    'not good yet': await signed(own, head, { ...claims, nbf: claims.exp - 60 }),
    'with methods that are none': await signed(own, head, { ...claims, methods: 'recommend' }),
    'with an extension that must be known': await new SignJWT(claims)
      .setProtectedHeader({ alg: 'EdDSA', ...head, crit: ['x'], x: 1 })
      .sign(own, { crit: { x: true } }),
  }
  for (const [what, token] of Object.entries(forged)) expect(await codes(token), what).toEqual(refused)
  for (const text of ['aur_', 'x', 'a.b.c', '..', `${apiKey.key}x`, apiKey.key.toUpperCase(), `Basic ${apiKey.key}`]) {
    expect(await codes(text), text).toEqual(refused)
  }
  expect(await codes(apiKey.key)).toEqual(taken)
})

test('another scheme than Bearer is refused', async () => {
  const authorization = `Basic ${Buffer.from(`ann:${apiKey.key}`).toString('base64')}`
  expect((await fetch(`${served.server.url}/v1/info`, { headers: { authorization } })).status).toBe(401)
})

test('what is signed is read back', async () => {
  const { jwk, publicKey } = signing.full
  const expires = Math.floor(Date.now() / 1000) * 1000 + 60_000
  const token = await signToken(jwk, { user: '7', methods: ['record'], expires })
  expect(await verifyToken(token, publicJwk(publicKey))).toEqual({ user: '7', methods: ['record'], expires })
  await expect(signToken('{}', { user: '7', expires })).rejects.toThrow('expected the private JWK that')
  expect(withKeys(`${served.folder}/state`, store => store.list()).length).toBe(8)
})
