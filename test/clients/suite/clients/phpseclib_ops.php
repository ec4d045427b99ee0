<?php
// Does operations, given as JSON on standard input, with phpseclib as its users would.
require 'phpseclib/autoload.php';

use phpseclib\Crypt\RSA;
use phpseclib\Net\SFTP;

error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');

$order = json_decode(stream_get_contents(STDIN), true);
$login = $order['login'];
$sftp = new SFTP('127.0.0.1', $login['port'], 60);
if (isset($login['password'])) {
    $secret = $login['password'];
} else {
    $secret = new RSA();
    $secret->loadKey(file_get_contents($login['key']['openssh']));
}
if (!$sftp->login($login['user'], $secret)) {
    fwrite(STDERR, 'login failed: ' . implode('; ', $sftp->getErrors()) . "\n");
    exit(1);
}

function put_tree($sftp, $here, $there) {
    if (!$sftp->mkdir($there)) return false;
    foreach (array_diff(scandir($here), ['.', '..']) as $name) {
        $done = is_dir("$here/$name")
            ? put_tree($sftp, "$here/$name", "$there/$name")
            : $sftp->put("$there/$name", "$here/$name", SFTP::SOURCE_LOCAL_FILE);
        if (!$done) return false;
    }
    return true;
}

function get_tree($sftp, $there, $here) {
    mkdir($here);
    foreach ($sftp->nlist($there) as $name) {
        if ($name === '.' || $name === '..') continue;
        $done = $sftp->is_dir("$there/$name")
            ? get_tree($sftp, "$there/$name", "$here/$name")
            : $sftp->get("$there/$name", "$here/$name");
        if (!$done) return false;
    }
    return true;
}

function perform($sftp, $op) {
    switch ($op['do']) {
        case 'list':
            $names = $sftp->nlist($op['path']);
            echo json_encode(['names' => $names], JSON_THROW_ON_ERROR), "\n";
            return $names !== false;
        case 'put':
            return $sftp->put($op['there'], $op['here'], SFTP::SOURCE_LOCAL_FILE);
        case 'putKept':
            $sftp->enableDatePreservation();
            return $sftp->put($op['there'], $op['here'], SFTP::SOURCE_LOCAL_FILE);
        case 'resumePut':
            $mode = SFTP::SOURCE_LOCAL_FILE | SFTP::RESUME;
            // RESUME is about the file there; where to begin in the one here is told apart.
            return $sftp->put($op['there'], $op['here'], $mode, -1, $sftp->size($op['there']));
        case 'putTree':
            return put_tree($sftp, $op['here'], $op['there']);
        case 'get':
            return $sftp->get($op['there'], $op['here']) !== false;
        case 'getKept':
            $sftp->enableDatePreservation();
            return $sftp->get($op['there'], $op['here']) !== false;
        case 'resumeGet':
            $file = fopen($op['here'], 'ab');
            return $sftp->get($op['there'], $file, filesize($op['here'])) !== false;
        case 'getTree':
            return get_tree($sftp, $op['there'], $op['here']);
        case 'rename':
            return $sftp->rename($op['from'], $op['to']);
        case 'symlink':
            return $sftp->symlink($op['from'], $op['to']);
        case 'remove':
            return $sftp->delete($op['path'], false);
        case 'mkdir':
            return $sftp->mkdir($op['path']);
        case 'rmdir':
            return $sftp->rmdir($op['path']);
        case 'chmod':
            return $sftp->chmod($op['mode'], $op['path']) !== false;
    }
    throw new Exception("no operation {$op['do']}");
}

$failed = 0;
foreach ($order['ops'] as $op) {
    if (perform($sftp, $op)) continue;
    $failed = 1;
    $said = array_merge([$sftp->getLastSFTPError()], $sftp->getErrors());
    fwrite(STDERR, "{$op['do']} failed: " . implode('; ', $said) . "\n");
    if (!$order['goOn']) break;
}
exit($failed);
