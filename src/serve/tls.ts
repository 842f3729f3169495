import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'

/** Files in PEM: the certificate, followed by those that lead to its authority, and its private key, not encrypted. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
}

/**
 * Checks what the socket library only fails on without a reason.
 *
 * @throws Error naming the file that cannot be read or used, or that the two do not belong together.
 */
export function assertTlsFiles({ cert, key }: TlsFiles): void {
  const certificate = usable(cert, 'a certificate in PEM', pem => new X509Certificate(pem))
  usable(cert, 'certificates in PEM', pem => createSecureContext({ cert: pem }))
  const privateKey = usable(key, 'a private key in PEM that is not encrypted', pem => createPrivateKey(pem))
  if (certificate.checkPrivateKey(privateKey)) return
  throw new Error(`the private key ${key} is not that of the certificate ${cert}: name the files that belong together`)
}

function usable<Value>(file: string, expected: string, parse: (pem: Buffer) => Value): Value {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new Error(`expected ${expected} in ${file}, which cannot be read: ${(error as Error).message}`)
  }
  try {
    // X509Certificate takes DER as well, which the socket library does not.
    if (!bytes.includes('-----BEGIN ')) throw new Error('it is not PEM')
    return parse(bytes)
  } catch (error) {
    throw new Error(`expected ${expected} in ${file}, got something else: ${(error as Error).message}`)
  }
}
