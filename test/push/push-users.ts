import { generateKeyPairSync } from 'node:crypto'
import type { ServiceAccount } from '../../src/push/send/senders/fcm.ts'

/** Half of them of each channel. */
export function killUsers(): string[] {
  return Array.from({ length: 1200 }, (_, at) => `${at % 2 === 0 ? 'webhook' : 'fcm'}-${at}`)
}

/** An account whose tokens come from `url`. */
export function killAccount(url: string): ServiceAccount {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    project_id: 'kill',
    client_email: 'push@kill.example',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    token_uri: `${url}/token`,
  }
}
