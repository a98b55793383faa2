// SPDX-License-Identifier: Apache-2.0
//
// A child process that says on standard output when it is ready, and bounded waiting.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const READY_MS = 60_000;
const END_MS = 30_000;

const cleanups = new WeakMap();

// Cleans up after the test, last things first: node's own t.after() begins with the first, so that
// a server would lose its directory while it runs.
export function afterwards(t, cleanup) {
  if (!cleanups.has(t)) {
    cleanups.set(t, []);
    t.after(async () => {
      for (const next of cleanups.get(t)) {
        await next();
      }
    });
  }
  cleanups.get(t).unshift(cleanup);
}

export async function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${milliseconds} ms in vain for ${what}`)),
      milliseconds,
    );
  });

  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Process {
  constructor(program, args, env = process.env) {
    this.program = program;
    this.stderr = '';
    this.child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env });
    this.ended = once(this.child, 'close').then(([code, signal]) => code ?? signal);
    this.lines = [];
    this.reader = createInterface({ input: this.child.stdout });
    this.reader.on('line', (line) => this.lines.push(line));
    this.child.stderr.setEncoding('utf8').on('data', (text) => (this.stderr += text));
  }

  // Resolves to the first group of the first line that the pattern matches, past ones included.
  async line(pattern) {
    const found = new Promise((resolve) => {
      const look = (line) => {
        const match = pattern.exec(line);

        if (match) {
          resolve(match[1]);
        }
      };

      this.lines.forEach(look);
      this.reader.on('line', look);
    });
    const died = this.ended.then((end) => {
      throw new Error(`'${this.program}' ended (${end}) before it was ready:\n${this.stderr}`);
    });

    // Whoever loses the race must not become an unhandled rejection later.
    died.catch(() => {});
    return within(READY_MS, `'${this.program}' to be ready`, Promise.race([found, died]));
  }

  // Asks it to stop. Resolves to its exit status, or to the name of the signal that ended it.
  async stop() {
    this.child.kill('SIGTERM');
    try {
      return await within(END_MS, `'${this.program}' to stop on TERM`, this.ended);
    } catch (error) {
      this.child.kill('SIGKILL');
      throw error;
    }
  }
}
