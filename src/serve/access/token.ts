/** Tokens: JWTs (RFC 7519) signed by Ed25519, whose header names the signing key (`kid`). */
import { generateKeyPairSync } from 'node:crypto'
import { decodeProtectedHeader, errors, importJWK, type JWK, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import { IdSchema } from '../../protocol/values.ts'

/** The only algorithm that is taken, whatever a token says of itself. */
const algorithm = 'EdDSA'

/** What a token says. */
export interface Claims {
  readonly user: string
  /** What it may be used for, of what its signing key allows. Absent: all of it. */
  readonly methods?: readonly string[] | undefined
  /** In ms since 1970. */
  readonly expires: number
}

const ClaimsSchema = z.object({
  sub: z.string(),
  exp: z.number(),
  methods: z.array(z.string()).optional(),
})

const PrivateKeySchema = z.looseObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string(),
  d: z.string(),
  kid: z.string(),
})

/** A pair of keys that sign and check tokens: the private one as a JWK, and of the public one the 32 bytes in base64url. */
export function newSigningKey(id: string): { readonly privateKey: JWK; readonly publicKey: string } {
  const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  return { privateKey: { kty: 'OKP', crv: 'Ed25519', alg: algorithm, kid: id, x, d } as JWK, publicKey: x! }
}

/**
 * A token, signed by the private key that `jwk` holds as JSON.
 *
 * @throws TypeError when it holds none.
 */
export async function signToken(jwk: string, { user, methods, expires }: Claims): Promise<string> {
  const key = privateKeyOf(jwk)
  return new SignJWT(methods === undefined ? {} : { methods: [...methods] })
    .setProtectedHeader({ alg: algorithm, kid: key.kid })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(Math.floor(expires / 1000))
    .sign(await importJWK(key as JWK, algorithm))
}

function privateKeyOf(text: string): z.output<typeof PrivateKeySchema> {
  const expected = 'expected the private JWK that `aurochs keys create --signing` printed'
  try {
    const parsed = PrivateKeySchema.safeParse(JSON.parse(text))
    if (parsed.success) return parsed.data
  } catch {
    throw new TypeError(`${expected}, got no JSON`)
  }
  throw new TypeError(`${expected}, got other JSON`)
}

/** Why a token is refused. */
export class TokenError extends Error {
  readonly reason: 'malformed' | 'unknown' | 'expired'

  constructor(reason: TokenError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** The id of the key that `token` says it is signed by; undefined where it is no token. */
export function signerOf(token: string): string | undefined {
  try {
    const { kid } = decodeProtectedHeader(token)
    return typeof kid === 'string' ? kid : undefined
  } catch {
    return undefined
  }
}

/** The public key of these bytes in base64url, as {@link verifyToken} takes it: kept, since it is prepared once for each object. */
export function publicJwk(x: string): JWK {
  return { kty: 'OKP', crv: 'Ed25519', x }
}

/**
 * What `token` says, if the owner of `publicKey` has signed it and it is good now, by the clock on the wall.
 *
 * @throws {TokenError}
 */
export async function verifyToken(token: string, publicKey: JWK): Promise<Claims> {
  const { payload } = await jwtVerify(token, publicKey, {
    algorithms: [algorithm],
    requiredClaims: ['sub', 'exp'],
  }).catch(error => {
    if (error instanceof errors.JWTExpired) throw new TokenError('expired', 'the token has expired: get a new one')
    throw new TokenError('malformed', `the token is not good: ${(error as Error).message}`)
  })
  const { data } = ClaimsSchema.safeParse(payload)
  const { data: user } = IdSchema.safeParse(data?.sub)
  if (data && user !== undefined) return { user, methods: data.methods, expires: data.exp * 1000 }
  const expected = 'sub to be the id of a user, and methods, if it has them, a list of names'
  throw new TokenError('malformed', `the token is not good: expected ${expected}`)
}
