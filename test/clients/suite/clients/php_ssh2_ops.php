<?php
// Does operations, given as JSON on standard input, with PHP's ssh2 (libssh2) as its users would: files
// as streams, for its scp functions never end when the connection broke (they ask a closed socket again
// and again).
ini_set('display_errors', 'stderr');

$order = json_decode(stream_get_contents(STDIN), true);
$login = $order['login'];
$ssh = ssh2_connect('127.0.0.1', $login['port']);
$key = $login['key']['openssh'];
$in = $ssh && (isset($login['password'])
    ? ssh2_auth_password($ssh, $login['user'], $login['password'])
    : ssh2_auth_pubkey_file($ssh, $login['user'], "$key.pub", $key));
if (!$in) exit(1);
$sftp = ssh2_sftp($ssh);

function address($sftp, $path) {
    return 'ssh2.sftp://' . intval($sftp) . $path;
}

function append($from, $to, $at) {
    if (!$from || !$to || ($at > 0 && fseek($from, $at) !== 0)) return false;
    while (!feof($from)) {
        $chunk = fread($from, 65536);
        for ($done = 0; $done < strlen($chunk); $done += $count) {
            $count = fwrite($to, substr($chunk, $done));
            if (!$count) return false;
        }
    }
    return true;
}

function perform($sftp, $op) {
    switch ($op['do']) {
        case 'list':
            $names = scandir(address($sftp, $op['path']));
            echo json_encode(['names' => $names], JSON_THROW_ON_ERROR), "\n";
            return $names !== false;
        case 'put':
            return append(fopen($op['here'], 'rb'), fopen(address($sftp, $op['there']), 'wb'), 0);
        case 'resumePut':
            // "ab" opens it for nothing at all.
            $to = fopen(address($sftp, $op['there']), 'r+b');
            $at = filesize(address($sftp, $op['there']));
            return $to && fseek($to, $at) === 0 && append(fopen($op['here'], 'rb'), $to, $at);
        case 'get':
            $from = fopen(address($sftp, $op['there']), 'rb');
            return $from && append($from, fopen($op['here'], 'wb'), 0);
        case 'resumeGet':
            $from = fopen(address($sftp, $op['there']), 'rb');
            return append($from, fopen($op['here'], 'ab'), filesize($op['here']));
        case 'rename':
            return ssh2_sftp_rename($sftp, $op['from'], $op['to']);
        case 'symlink':
            return ssh2_sftp_symlink($sftp, $op['from'], $op['to']);
        case 'remove':
            return ssh2_sftp_unlink($sftp, $op['path']);
        case 'mkdir':
            return ssh2_sftp_mkdir($sftp, $op['path']);
        case 'rmdir':
            return ssh2_sftp_rmdir($sftp, $op['path']);
        case 'chmod':
            return ssh2_sftp_chmod($sftp, $op['path'], $op['mode']);
    }
    throw new Exception("no operation {$op['do']}");
}

$failed = 0;
foreach ($order['ops'] as $op) {
    if (perform($sftp, $op)) continue;
    $failed = 1;
    fwrite(STDERR, "{$op['do']} failed\n");
    if (!$order['goOn']) break;
}
exit($failed);
