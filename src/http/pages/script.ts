/**
 * The one script of the pages; everything but passkeys, which browsers give to scripts alone, works without it. It adds a copy button to fields made for copying, a
 * button that shows a secret while it is checked, lets a file be chosen for a field that takes its content, says exact times in the person's language and zone,
 * and leaves a waiting page as soon as there is something new to see. Where the browser knows passkeys it shows what takes one,
 * asks the browser for it, and sends the form.
 */
import { hashSource } from './hash-source.ts';

/** Answered with every connect page; the script compares it with the page it runs in. */
export const stepHeader = 'keyward-step';

export const script = `
const side=(input,about)=>{const b=document.createElement('button');b.type='button';b.className='side';
const say=(text)=>{b.textContent=text;b.setAttribute('aria-label',text+' '+about)};input.after(b);return[b,say]};
for(const input of document.querySelectorAll('[data-copy]')){const[b,say]=side(input,input.dataset.copy);say('Copy');
b.addEventListener('click',async()=>{try{await navigator.clipboard.writeText(input.value)}catch{input.select();document.execCommand('copy')}
say('Copied');setTimeout(()=>say('Copy'),2000)})}
for(const input of document.querySelectorAll('[data-secret]')){const[b,say]=side(input,input.dataset.secret);say('Show');
b.addEventListener('click',()=>{const hidden=input.type==='password';input.type=hidden?'text':'password';say(hidden?'Hide':'Show')});
input.form.addEventListener('submit',()=>{input.type='password'})}
for(const t of document.querySelectorAll('time[title]'))t.title=new Date(t.dateTime).toLocaleString(undefined,{dateStyle:'full',timeStyle:'long'});
for(const input of document.querySelectorAll('[data-file]')){const f=document.createElement('input');f.type='file';f.accept=input.dataset.file;
f.setAttribute('aria-label','Choose the file: '+input.dataset.secret);input.parentNode.before(f);
f.addEventListener('change',async()=>{const[file]=f.files;if(file)input.value=await file.slice(0,65536).text()})}
const step=document.body.dataset.wait;
if(step)setInterval(async()=>{try{const r=await window.fetch(location.href,{method:'HEAD'});
if(r.headers.get('${stepHeader}')!==step)location.reload()}catch{}},2000);
const all=(name)=>document.querySelectorAll('[data-'+name+']');
const P=window.PublicKeyCredential;
if(P?.parseCreationOptionsFromJSON&&P.parseRequestOptionsFromJSON){
for(const e of all('with-passkeys'))e.hidden=false;
for(const e of all('without-passkeys'))e.hidden=true;
for(const e of all('quiet-beside-passkeys'))e.className='quiet';
for(const e of all('offer'))e.value='passkey'}
const wrong={NotAllowedError:'Nothing was done: it was cancelled, it took too long, or there is no passkey for it here.',
InvalidStateError:'You have a passkey on this device already.'};
for(const form of all('passkey')){const says=form.querySelector('[role=alert]'),button=form.querySelector('button');
form.addEventListener('submit',async(event)=>{event.preventDefault();button.disabled=true;says.hidden=true;
try{const r=await window.fetch(form.dataset.passkey);if(!r.ok)throw r;const asked=await r.json();
const made=asked.pubKeyCredParams?await navigator.credentials.create({publicKey:P.parseCreationOptionsFromJSON(asked)})
:await navigator.credentials.get({publicKey:P.parseRequestOptionsFromJSON(asked)});
form.elements.answer.value=JSON.stringify(made);form.submit()}
catch(error){button.disabled=false;says.textContent=wrong[error.name]??'That did not work. Reload the page and try again.';says.hidden=false}})}
`;

export const scriptSource = hashSource(script);
