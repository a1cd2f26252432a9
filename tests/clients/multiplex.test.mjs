// The multiplex example's page: three channels over one connection.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';

import { launchBrowser } from './lib/browser.mjs';
import { multiplex } from './lib/server.mjs';
import { test } from './lib/bounded.mjs';

describe('the multiplex page', () => {
  let browser, server;
  before(async () => {
    browser = await launchBrowser();
    server = await multiplex();
  });
  after(async () => {
    await browser?.close();
    await server?.kill();
  });

  test('has three channels that answer in their own ways, over one websocket', async () => {
    const page = await browser.newPage();
    const sockets = [];
    page.on('websocket', (socket) => sockets.push(socket.url()));
    await page.goto(server.origin);
    await page.getByText('Connected over websocket').waitFor();
    for (const [name, answer] of [['ann', 'message 1 has 11 characters'], ['bob', 'bob heard: hello there'], ['carl', 'carl heard: hello there']]) {
      const channel = page.locator('section', { has: page.getByRole('heading', { name }) });
      await channel.getByText('open', { exact: true }).waitFor();
      await channel.getByLabel('Say').fill('hello there');
      await channel.getByRole('button', { name: 'Send' }).click();
      await channel.getByText(answer, { exact: true }).waitFor();
    }
    assert.equal(sockets.length, 1);
    await page.close();
  });
});
