# Does operations, given as JSON on standard input, with Net::SSH2 (libssh2) as its users would.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :mode);
use JSON::PP;
use Net::SSH2;

sub bytes { my $text = shift; utf8::encode($text); return $text }

my $order = JSON::PP->new->utf8->decode(do { local $/; <STDIN> });
my $login = $order->{login};
my $ssh = Net::SSH2->new(timeout => 60_000);

sub stop {
    my ($what) = @_;
    my (undef, undef, $text) = $ssh->error;
    print STDERR "$what: " . ($text // 'failed') . "\n";
    exit 1;
}

$ssh->connect('127.0.0.1', $login->{port}) or stop('connect');
my $key = $login->{key}{openssh};
(defined $login->{password}
    ? $ssh->auth_password($login->{user}, $login->{password})
    : $ssh->auth_publickey($login->{user}, "$key.pub", $key)) or stop('login');
my $sftp = $ssh->sftp or stop('sftp');

sub copy {
    my ($from, $to) = @_;
    while ((my $count = $from->read(my $chunk, 262_144)) // die 'read') {
        last unless $count;
        for (my $done = 0; $done < length $chunk;) {
            my $written = $to->write(substr $chunk, $done);
            die 'write' unless defined $written && $written > 0;
            $done += $written;
        }
    }
    return 1;
}

# A file here with the methods of Net::SSH2's files.
package Here {
    sub new { my ($class, $path, $mode) = @_; open my $file, $mode, $path or return; bless \$file }
    sub read { my $count = sysread ${$_[0]}, $_[1], $_[2]; return $count }
    sub write { my $count = syswrite ${$_[0]}, $_[1]; return $count }
    sub seek { sysseek ${$_[0]}, $_[1], 0 }
}

sub there { my ($path, $flags) = @_; return $sftp->open($path, $flags, 0666) }

my $NEW = O_WRONLY | O_CREAT | O_TRUNC;

sub put {
    my ($here, $there, $at) = @_;
    my $from = Here->new($here, '<') or return;
    my $to = there($there, $at ? O_WRONLY : $NEW) or return;
    if ($at) { $from->seek($at); $to->seek($at) }
    return copy($from, $to);
}

sub get {
    my ($there, $here, $at) = @_;
    my $from = there($there, O_RDONLY) or return;
    my $to = Here->new($here, $at ? '>>' : '>') or return;
    $from->seek($at) if $at;
    return copy($from, $to);
}

my %perform = (
    list => sub {
        my $directory = $sftp->opendir($_[0]{path}) or return;
        my @names;
        while (my $entry = $directory->read) {
            my $name = $entry->{name};
            utf8::decode($name);
            push @names, $name;
        }
        print JSON::PP->new->utf8->encode({names => \@names}), "\n";
        return 1;
    },
    put => sub { put($_[0]{here}, $_[0]{there}) },
    get => sub { get($_[0]{there}, $_[0]{here}) },
    resumePut => sub { put($_[0]{here}, $_[0]{there}, $sftp->stat($_[0]{there})->{size}) },
    resumeGet => sub { get($_[0]{there}, $_[0]{here}, -s $_[0]{here}) },
    putKept => sub {
        my @stat = CORE::stat $_[0]{here};
        put($_[0]{here}, $_[0]{there})
            && $sftp->setstat($_[0]{there}, mode => $stat[2] & 07777, atime => $stat[8], mtime => $stat[9]);
    },
    getKept => sub {
        my %stat = $sftp->stat($_[0]{there}) or return;
        get($_[0]{there}, $_[0]{here}) or return;
        chmod $stat{mode} & 07777, $_[0]{here};
        return utime $stat{atime}, $stat{mtime}, $_[0]{here};
    },
    rename => sub { $sftp->rename($_[0]{from}, $_[0]{to}) },
    symlink => sub { $sftp->symlink($_[0]{from}, $_[0]{to}) },
    remove => sub { $sftp->unlink($_[0]{path}) },
    mkdir => sub { $sftp->mkdir($_[0]{path}) },
    rmdir => sub { $sftp->rmdir($_[0]{path}) },
    chmod => sub { $sftp->setstat($_[0]{path}, mode => 0 + $_[0]{mode}) },
);

my $failed = 0;
for my $op (@{$order->{ops}}) {
    my %op = map { $_ => bytes($op->{$_}) } keys %$op;
    next if eval { $perform{$op->{do}}->(\%op) };
    $failed = 1;
    my (undef, $name, $text) = $ssh->error;
    my ($status, $said) = $sftp->error;
    print STDERR "$op{do}: " . join(', ', grep { defined } $@ || (), $name, $text, $said) . "\n";
    last unless $order->{goOn};
}
exit $failed;
