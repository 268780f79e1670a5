// Files and directories of many shapes, named by `medshare add --only-hash` and by ipfs-unixfs-importer: the same CIDs?
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BlackHoleBlockstore } from 'blockstore-core/black-hole'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

const program = process.argv[2]
const profiles = {
  'unixfs-v1-2025': { options: { profile: 'unixfs-v1-2025' }, chunk: 1 << 20, most: 0 },
  'test-cid-v1': {
    options: {
      cidVersion: 1,
      rawLeaves: true,
      chunker: fixedSize({ chunkSize: 256 << 10 }),
      layout: balanced({ maxChildrenPerNode: 174 })
    },
    chunk: 256 << 10,
    most: 174
  },
  'legacy-cid-v0': { options: { profile: 'unixfs-v0-2015' }, chunk: 256 << 10, most: 174 }
}

// bytes without repetition, the same ever after
function bytes (length) {
  const out = Buffer.alloc(length)
  for (let at = 0, block = 0; at < length; at += 32, block++) {
    createHash('sha256').update(String(block)).digest().copy(out, at)
  }
  return out
}

// names of many lengths and scripts
function directory (count) {
  const names = ['aa', 'é', '影像', 'x'.repeat(200)]
  const entry = i => ({ path: `d/${i}-${names[i % names.length]}`, content: bytes(i % 70) })
  return Array.from({ length: count }, (_, i) => entry(i))
}

const nested = [
  { path: 'd/study/series/1', content: bytes(1) },
  { path: 'd/study/series/2', content: bytes(300 << 10) },
  { path: 'd/study/report', content: bytes(0) },
  { path: 'd/study-2', content: bytes(5) }
]

let compared = 0
let failed = 0
for (const [profile, { options, chunk, most }] of Object.entries(profiles)) {
  const sizes = [0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 7]
  if (most > 0) sizes.push(most * chunk - 1, most * chunk, most * chunk + 1, (most + 1) * chunk + 1)
  const cases = sizes.map(size => [`a file of ${size} bytes`, [{ path: 'd', content: bytes(size) }]])
  // one block, its limit of 256 KiB, and sharded
  for (const count of [1, 2, 100, 2200, 2300, 2400, 2600, 6000]) {
    cases.push([`a directory of ${count} files`, directory(count)])
  }
  cases.push(['directories in a directory', nested])
  for (const [what, source] of cases) {
    const place = mkdtempSync(join(tmpdir(), 'importer-'))
    for (const { path, content } of source) {
      mkdirSync(join(place, path, '..'), { recursive: true })
      writeFileSync(join(place, path), content)
    }
    let theirs
    for await (const entry of importer(source, new BlackHoleBlockstore(), options)) theirs = String(entry.cid)
    const args = ['add', '--only-hash', '--profile', profile, join(place, 'd')]
    const ours = execFileSync(program, args, { encoding: 'utf8' }).trim()
    rmSync(place, { recursive: true })
    compared++
    if (ours !== theirs) {
      failed++
      console.error(`${profile}, ${what}: medshare says ${ours}, js-ipfs-unixfs ${theirs}`)
    }
  }
}
console.log(`${compared} roots compared with js-ipfs-unixfs, ${failed} differ`)
process.exit(failed === 0 ? 0 : 1)
