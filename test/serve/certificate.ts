import { generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A certificate of 127.0.0.1 and localhost that its own key has signed, valid for a day, and the key: files in `folder`. */
export function writeCertificate(folder: string, name = 'server'): { readonly cert: string; readonly key: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = sequence(set(sequence(objectId('550403'), tlv(0x0c, Buffer.from(name)))))
  const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'))
  const alternativeNames = sequence(tlv(0x82, Buffer.from('localhost')), tlv(0x87, Buffer.from([127, 0, 0, 1])))
  const extension = sequence(objectId('551d11'), tlv(0x04, alternativeNames))
  const body = sequence(
    tlv(0xa0, integer(2)),
    integer(1),
    ecdsaWithSha256,
    issuer,
    sequence(time(-3_600_000), time(86_400_000)),
    issuer,
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(extension)),
  )
  const signature = tlv(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', body, privateKey)]))
  const files = { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  writeFileSync(files.cert, pem('CERTIFICATE', sequence(body, ecdsaWithSha256, signature)))
  writeFileSync(files.key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return files
}

// Values as X.509 has them: DER, https://www.rfc-editor.org/rfc/rfc5280

function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

const sequence = (...contents: readonly Uint8Array[]) => tlv(0x30, ...contents)
const set = (...contents: readonly Uint8Array[]) => tlv(0x31, ...contents)
const integer = (value: number) => tlv(0x02, Buffer.from([value]))
const objectId = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))

/** `offset` in ms from now. */
function time(offset: number): Buffer {
  const digits = new Date(Date.now() + offset).toISOString().replace(/\D/g, '').slice(2, 14)
  return tlv(0x17, Buffer.from(`${digits}Z`))
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
