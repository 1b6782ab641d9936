#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# perl: signal handlers and masks that its children and what they execute see,
# SIGPROF among them, pipes, sockets, fork, alarm, select, sprintf, sort, eval.
#
# programs: perl
# short: timer timer-all
# needs: perl
exec perl - <<'PERL'
use strict;
use warnings;
use POSIX ();
use Socket;
$| = 1;
my %got;
$SIG{$_} = sub { $got{$_[0]}++ } for qw(USR1 USR2 HUP TERM CHLD);
for (1 .. 50) { kill $_, $$ for qw(USR1 USR2 HUP TERM) }
print join(' ', map { "$_ $got{$_}" } sort keys %got), "\n";

# What a child sees and what it hands on: SIGPROF ignored, then blocked.
sub look {
	my ($when) = @_;
	my $set = POSIX::SigSet->new;
	POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new, $set);
	my $old = POSIX::SigAction->new;
	POSIX::sigaction(POSIX::SIGPROF(), undef, $old);
	my $handler = $old->handler // 'DEFAULT';
	print "$when: PROF $handler blocked ", $set->ismember(POSIX::SIGPROF()), "\n";
}
sub child {
	my ($code) = @_;
	my $pid = fork;
	if (!$pid) { $code->(); exit 0 }
	waitpid $pid, 0;
	print "child $?\n";
}
my $again = 'kill -PROF $$; echo survived';
look('at start');
child(sub { look('forked') });
$SIG{PROF} = 'IGNORE';
look('ignored');
child(sub { look('forked, ignored') });
child(sub { exec '/bin/sh', '-c', $again });
child(sub { select undef, undef, undef, 0.1; exec '/bin/sh', '-c', $again });
$SIG{PROF} = 'DEFAULT';
POSIX::sigprocmask(POSIX::SIG_BLOCK(), POSIX::SigSet->new(POSIX::SIGPROF(), POSIX::SIGUSR1()));
look('blocked');
child(sub { look('forked, blocked') });
child(sub { exec '/bin/sh', '-c', $again });
child(sub { select undef, undef, undef, 0.1; look('later'); exec '/bin/sh', '-c', $again });
POSIX::sigprocmask(POSIX::SIG_UNBLOCK(), POSIX::SigSet->new(POSIX::SIGPROF()));
look('unblocked');
child(sub { kill 'PROF', $$; sleep 5 });

socketpair(my $near, my $far, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
child(sub { close $near; syswrite $far, 'x' x 1000; });
close $far;
my $n = 0;
$n += length while sysread $near, $_, 100;
print "read $n\n";
my $alarms = 0;
$SIG{ALRM} = sub { $alarms++; die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 10; };
print "alarm $alarms ", ($@ || "none\n");
my %h = map { $_ * 7919 % 10007 => "v$_" } 1 .. 20000;
print scalar(keys %h), ' ', join(',', (sort { $a <=> $b } keys %h)[0 .. 5]), "\n";
my $s = join '', map { chr(97 + $_ % 26) } 1 .. 50000;
print length($s), ' ', scalar(() = $s =~ /abc/g), "\n";
open my $pipe, '-|', 'echo from a child; exit 3' or die;
print <$pipe>;
close $pipe;
print 'status ', $? >> 8, "\n";
print `echo backticks`;
system 'exit 6;';
print 'system ', $? >> 8, "\n";
open my $f, '>', 'file' or die;
print $f "$_\n" for 1 .. 1000;
close $f;
rename 'file', 'renamed';
PERL
